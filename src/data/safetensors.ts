/**
 * Tensors by name in the safetensors format, which PyTorch and others read: eight bytes with the header's length, the
 * header in JSON (`{name: {dtype, shape, data_offsets}}`), then the tensors, little-endian, end to end.
 * A file is read as if a stranger had written it: everything is checked before anything is allocated for it.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { checkKind, checkList, checkObject, checkText, preview } from "../arguments.js";
import { whyUnreadable, writeAtomically } from "../training/files.js";
import { DataError } from "./dataset.js";
import { type DType, decodeElements, elementBytes } from "./safetensors-dtypes.js";

export type { DType } from "./safetensors-dtypes.js";

export interface Tensor {
  readonly shape: readonly number[];
  /** In row-major order. Of F16 and BF16 files: their values in float32. */
  readonly values: TensorValues;
}
export type TensorValues = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A tensor as it lay in a file. */
export interface StoredTensor extends Tensor {
  readonly dtype: DType;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference implementation's bound: a longer header is an attack or a mistake. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

const wholeNumber = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(wholeNumber),
  data_offsets: z.tuple([wholeNumber, wholeNumber]),
});

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a file.
 * @throws DataError naming the file and what is wrong with it.
 */
export function readSafetensors(path: string): TensorFile {
  checkText("path", path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${whyUnreadable(error)}`);
  }
  return decodeSafetensors(bytes, path);
}

/** Writes a file, or leaves the one that was there: to a temporary file, flushed to disk, renamed. */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  checkText("path", path);
  const bytes = encodeSafetensors(tensors, metadata);
  try {
    writeAtomically(path, bytes);
  } catch (error) {
    throw new DataError((error as Error).message);
  }
}

/**
 * Reads a file's bytes; `source` names them in errors. Offsets must cover the data exactly: no gap, no overlap.
 * @throws DataError saying what is wrong.
 */
export function decodeSafetensors(bytes: Uint8Array, source = "safetensors"): TensorFile {
  const fail = (reason: string): never => {
    throw new DataError(`${source}: ${reason}`);
  };
  checkKind("bytes", bytes, Uint8Array);
  checkText("source", source);
  const { header, dataStart } = splitHeader(bytes, fail);
  const { [METADATA]: rawMetadata = {}, ...rawEntries } = header;
  if (!isTable(rawMetadata)) return fail(`${METADATA} is not a table of strings`);
  const entries = Object.entries(rawEntries).map(([name, entry]) => checkEntry(name, entry, fail));
  checkCoverage(entries, bytes.length - dataStart, fail);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const values = decodeElements(dtype, new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)));
    tensors.set(name, { dtype, shape, values });
  }
  return { tensors, metadata: rawMetadata };
}

type Fail = (reason: string) => never;

/** Not by zod, whose records fail on a key `constructor` that is null. */
function isTable(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((text) => typeof text === "string");
}

function splitHeader(bytes: Uint8Array, fail: Fail): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) return fail(`has ${bytes.length} bytes; a safetensors file has at least 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES)
    return fail(`its header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) return fail(`its header claims ${length} bytes, the file ends before that`);
  const text = bytes.subarray(8, dataStart);
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
    if (text[0] === 0x7b && typeof header === "object" && header !== null) {
      return { header: header as Record<string, unknown>, dataStart };
    }
  } catch (error) {
    return fail(`its header is not JSON (${(error as Error).message})`);
  }
  return fail("its header is not a JSON object");
}

function checkEntry(name: string, raw: unknown, fail: Fail): Entry {
  const parsed = entrySchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(`tensor '${name}': ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { dtype, shape, data_offsets } = parsed.data;
  if (!Object.hasOwn(elementBytes, dtype)) {
    return fail(`tensor '${name}': dtype ${dtype} is not read; allowed are ${Object.keys(elementBytes).join(", ")}`);
  }
  const [begin, end] = data_offsets;
  const wanted = shape.reduce((product, extent) => product * extent, elementBytes[dtype as DType]);
  // An unsafe product is not the exact one; no file is that long, so it cannot match either.
  if (!Number.isSafeInteger(wanted) || end - begin !== wanted) {
    return fail(
      `tensor '${name}': shape [${shape.join(", ")}] of ${dtype} takes ${wanted} bytes, its offsets span ${end - begin}`,
    );
  }
  return { name, dtype: dtype as DType, shape, begin, end };
}

function checkCoverage(entries: readonly Entry[], dataBytes: number, fail: Fail): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) fail(`tensor '${name}': begins at ${begin}, but the tensors before it end at ${covered}`);
    covered = end;
  }
  if (covered !== dataBytes) fail(`its tensors take ${covered} bytes, but ${dataBytes} follow the header`);
}

/**
 * The bytes of a file: tensors in order of element size (largest first, so that each is aligned), then of name.
 * @throws DataError for a name that is reserved, or values that do not fill the shape.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  checkKind("tensors", tensors, Map);
  if (!isTable(metadata)) throw new TypeError(`metadata: got ${preview(metadata)}, expected an object of strings`);
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => b.values.BYTES_PER_ELEMENT - a.values.BYTES_PER_ELEMENT || (nameA < nameB ? -1 : 1),
  );
  // Put together by hand: an object would reorder names that look like numbers.
  const entries = Object.keys(metadata).length === 0 ? [] : [`"${METADATA}":${JSON.stringify(metadata)}`];
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const end = offset + tensor.values.byteLength;
    const entry = { dtype: dtypeOf(tensor.values), shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, 8);
  let position = 8 + headerBytes;
  for (const [, { values }] of sorted) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), position);
    position += values.byteLength;
  }
  return bytes;
}

function checkTensor(name: string, tensor: Tensor): void {
  checkText("tensors: name", name);
  checkObject(`tensor '${name}'`, tensor, "an object of shape, values");
  const { shape, values } = tensor;
  checkList(`tensor '${name}': shape`, shape, "whole numbers");
  checkKind(`tensor '${name}': values`, values, Float32Array, Float64Array, Int32Array, Uint8Array);
  if (name === METADATA) throw new DataError(`tensor '${name}': the name is reserved; use another`);
  const wanted = shape.reduce((product, extent) => product * extent, 1);
  if (wanted === values.length) return;
  throw new DataError(`tensor '${name}': shape [${shape.join(", ")}] holds ${wanted} values, got ${values.length}`);
}

function dtypeOf(values: TensorValues): DType {
  if (values instanceof Float32Array) return "F32";
  if (values instanceof Float64Array) return "F64";
  return values instanceof Int32Array ? "I32" : "U8";
}
