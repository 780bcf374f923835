/**
 * Arrays in NumPy's .npy format, versions 1 to 3 (numpy/lib/format.py): the magic string, two bytes of version, the
 * header's length (uint16, from version 2 on uint32, little-endian), the header, then the elements in C or Fortran
 * order. A file is read as if a stranger had written it: what the header says is checked against the bytes that are
 * there before anything is allocated from it.
 */
import { endianness } from "node:os";
import { checkKind, checkText } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import { DataError } from "./dataset.js";
import { type NpyHeader, parseNpyHeader } from "./npy-header.js";
import { readRegularFile } from "./read-file.js";
import { halfToNumber } from "./safetensors-dtypes.js";

/** Bytes to numbers: `decode` gets a buffer of its own, in this machine's byte order. */
interface ElementType {
  readonly name: string;
  readonly bytes: 1 | 2 | 4 | 8;
  decode(buffer: ArrayBuffer): NpyValues;
}

/** float16 becomes float32, exactly; bool becomes 0 and 1. */
export type NpyValues =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

const elementTypes = {
  b1: { name: "bool", bytes: 1, decode: (buffer) => new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1)) },
  u1: { name: "uint8", bytes: 1, decode: (buffer) => new Uint8Array(buffer) },
  i1: { name: "int8", bytes: 1, decode: (buffer) => new Int8Array(buffer) },
  u2: { name: "uint16", bytes: 2, decode: (buffer) => new Uint16Array(buffer) },
  i2: { name: "int16", bytes: 2, decode: (buffer) => new Int16Array(buffer) },
  u4: { name: "uint32", bytes: 4, decode: (buffer) => new Uint32Array(buffer) },
  i4: { name: "int32", bytes: 4, decode: (buffer) => new Int32Array(buffer) },
  u8: { name: "uint64", bytes: 8, decode: (buffer) => new BigUint64Array(buffer) },
  i8: { name: "int64", bytes: 8, decode: (buffer) => new BigInt64Array(buffer) },
  f2: { name: "float16", bytes: 2, decode: (buffer) => Float32Array.from(new Uint16Array(buffer), halfToNumber) },
  f4: { name: "float32", bytes: 4, decode: (buffer) => new Float32Array(buffer) },
  f8: { name: "float64", bytes: 8, decode: (buffer) => new Float64Array(buffer) },
} as const satisfies Readonly<Record<string, ElementType>>;

/** NumPy's names. */
export type NpyType = (typeof elementTypes)[keyof typeof elementTypes]["name"];

export interface NpyArray {
  /** `[]` of a single number. */
  readonly shape: readonly number[];
  readonly dtype: NpyType;
  /** In C order, whatever the file's was. */
  readonly data: NpyValues;
}

const MAGIC = "\x93NUMPY";
/** The header that version 1 can have; a longer one is an attack or a mistake. */
const MOST_HEADER_BYTES = 65_535;
/** Node.js reads no larger file at once. */
export const MOST_ARRAY_BYTES = 2 ** 31 - 1;

/** Reads a file of one array. Rejects with a DataError that names the file and what is wrong with it. */
export async function readNpy(path: string): Promise<NpyArray> {
  checkText("path", path);
  return parseNpy(await readRegularFile(path, MOST_ARRAY_BYTES), path);
}

/**
 * Parses the bytes of a .npy file; `name` stands for the file in errors.
 * Throws a DataError for anything else, for elements that are no numbers, and for a byte too few or too many.
 */
export function parseNpy(bytes: Uint8Array, name: string): NpyArray {
  checkKind("bytes", bytes, Uint8Array);
  checkText("name", name);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { header, end } = readHeader(view, name);
  const type = elementType(header.descr, name);
  // In float64 a product of numbers this large cannot wrap around; it is only larger than the file.
  const wanted = elementCount(header.shape) * type.bytes;
  const there = bytes.length - end;
  if (there !== wanted) {
    throw new DataError(
      `${name}: the header says [${header.shape.join(", ")}] of ${type.name} = ${wanted} bytes, ${there} are there`,
    );
  }
  const elements = new Uint8Array(bytes.subarray(end));
  if (swapped(header.descr)) swapBytes(elements, type.bytes);
  const data = type.decode(elements.buffer as ArrayBuffer);
  return { shape: header.shape, dtype: type.name, data: header.fortranOrder ? toCOrder(data, header.shape) : data };
}

/** The longest header, and what stands before it. */
export const MOST_HEAD_BYTES = 12 + MOST_HEADER_BYTES;

/**
 * Bytes of the whole file, by its header, which its first `MOST_HEAD_BYTES` hold.
 * Throws a DataError as `parseNpy` does.
 */
export function npyLength(head: Uint8Array, name: string): number {
  const { header, end } = readHeader(Buffer.from(head.buffer, head.byteOffset, head.byteLength), name);
  return end + elementCount(header.shape) * elementType(header.descr, name).bytes;
}

function readHeader(bytes: Buffer, name: string): { readonly header: NpyHeader; readonly end: number } {
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new DataError(`${name}: does not start with "\\x93NUMPY": not a .npy file`);
  }
  const version = bytes[6];
  if (version === undefined || version < 1 || version > 3 || bytes[7] !== 0) {
    throw new DataError(`${name}: version ${version ?? "–"}.${bytes[7] ?? "–"} at byte 6, 1.0, 2.0 and 3.0 are read`);
  }
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start)
    throw new DataError(`${name}: ends after ${bytes.length} bytes, within the header's length`);
  const length = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (length > MOST_HEADER_BYTES) {
    throw new DataError(`${name}: a header of ${length} bytes, at most ${MOST_HEADER_BYTES} are read`);
  }
  const end = start + length;
  if (bytes.length < end) {
    throw new DataError(`${name}: ends after ${bytes.length} bytes, within the header, which has ${end}`);
  }
  try {
    return { header: parseNpyHeader(bytes.toString(version === 3 ? "utf8" : "latin1", start, end)), end };
  } catch (error) {
    throw new DataError(`${name}: the header at byte ${start} ${(error as Error).message}`);
  }
}

function elementType(descr: string, name: string): ElementType & { readonly name: NpyType } {
  const code = descr.slice(1);
  const type = Object.hasOwn(elementTypes, code) ? elementTypes[code as keyof typeof elementTypes] : undefined;
  const order = descr.charAt(0);
  if (type && (order === "<" || order === ">" || (order === "|" && type.bytes === 1))) return type;
  const known = Object.keys(elementTypes).join(", ");
  throw new DataError(`${name}: elements of type ${JSON.stringify(descr)}; read are ${known} after < or >`);
}

function swapped(descr: string): boolean {
  return descr.startsWith(endianness() === "LE" ? ">" : "<");
}

function swapBytes(elements: Uint8Array, size: ElementType["bytes"]): void {
  const buffer = Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength);
  if (size === 2) buffer.swap16();
  if (size === 4) buffer.swap32();
  if (size === 8) buffer.swap64();
}

/** From the first index changing fastest to the last one doing so. */
function toCOrder<V extends NpyValues>(data: V, shape: readonly number[]): V {
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  const sorted = data.slice() as V;
  const place = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    sorted[to] = data[from] as V[number];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] as number) + 1;
      from += strides[axis] as number;
      if ((place[axis] as number) < (shape[axis] as number)) break;
      from -= (shape[axis] as number) * (strides[axis] as number);
      place[axis] = 0;
    }
  }
  return sorted;
}
