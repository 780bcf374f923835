/**
 * Reader of IDX files (the format of MNIST, http://yann.lecun.com/exdb/mnist): two zero bytes, a byte for the element
 * type, a byte for the number of dimensions, each dimension as a big-endian uint32, then the elements, row-major.
 * Files of unsigned bytes are read, plain or gzipped. Nothing in a file is trusted: sizes are checked against the
 * bytes that are there before anything is allocated from them.
 */
import { kMaxLength } from "node:buffer";
import { readFileSync } from "node:fs";
import { constants, gunzipSync } from "node:zlib";
import { checkKind, checkText } from "../arguments.js";
import { whyUnreadable } from "../training/files.js";
import { DataError } from "./dataset.js";
import { ByteDataset } from "./memory.js";
import type { Normalization } from "./normalization.js";

export type IdxErrorCode =
  | "unreadable"
  | "wrong-magic"
  | "wrong-type"
  | "truncated"
  | "too-long"
  | "bad-gzip"
  | "counts-differ";

/** Says what is wrong with an IDX file; `code` for programs, the message for people. */
export class IdxError extends DataError {
  override readonly name = "IdxError";
  constructor(
    readonly code: IdxErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0x09: "int8",
  0x0b: "int16",
  0x0c: "int32",
  0x0d: "float32",
  0x0e: "float64",
};
/** Deflate makes at most so many bytes of one (zlib's technical details). */
const MOST_RATIO = 1032;
/** Of a gzip file, in which the IDX header stands: it inflates to 17 MB at most. */
const HEAD_BYTES = 16_384;
/** Of an IDX file of 255 dimensions. */
const LONGEST_HEADER = 4 + 4 * 255;

/**
 * Parses the bytes of an IDX file of unsigned bytes, gzipped or not. `name` stands for the file in errors.
 * Throws an IdxError if they are anything else, shorter or longer than their header says, a TypeError if no bytes. Of a gzip file no more is inflated
 * than the header says.
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  checkKind("bytes", bytes, Uint8Array);
  checkText("name", name);
  const gzipped = isGzip(bytes);
  const head = gzipped ? inflateHead(bytes, name) : bytes;
  if (head.length < 4) throw new IdxError("truncated", `${name}: ${head.length} bytes, an IDX file has at least 4`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  checkMagic(view, name);
  const shape = readShape(view, name);
  const header = 4 + 4 * shape.length;
  // In float64 the product of up to 255 uint32 cannot wrap around: it is only larger than the file, or no number.
  const wanted = shape.reduce((product, length) => product * length, 1);
  const says = `${name}: header says [${shape.join(", ")}] = ${wanted} bytes`;
  const most = gzipped ? MOST_RATIO * bytes.length : bytes.length;
  if (!(header + wanted <= most)) {
    const there = gzipped ? `${bytes.length} bytes of gzip hold fewer` : `${bytes.length - header} are there`;
    throw new IdxError("truncated", `${says}, ${there}`);
  }
  const plain = gzipped ? inflate(bytes, header + wanted, name, says) : bytes;
  const there = plain.length - header;
  if (there !== wanted) throw new IdxError(there < wanted ? "truncated" : "too-long", `${says}, ${there} are there`);
  return { shape, data: plain.subarray(header) };
}

/** Reads an IDX file. Throws an IdxError, `unreadable` if the system cannot read it. */
export function readIdx(path: string): IdxArray {
  checkText("path", path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new IdxError("unreadable", `${path}: ${whyUnreadable(error)}`);
  }
  return parseIdx(bytes, path);
}

/**
 * A dataset from a file of pictures [N, H, W] (one channel) or [N, C, H, W], or of vectors [N, D], and a file of
 * labels [N].
 */
export function idxDataset(imagesPath: string, labelsPath: string, normalization?: Normalization): ByteDataset {
  checkText("imagesPath", imagesPath);
  checkText("labelsPath", labelsPath);
  const images = readIdx(imagesPath);
  const labels = readIdx(labelsPath);
  if (images.shape.length < 2 || images.shape.length > 4) {
    throw new IdxError(
      "wrong-magic",
      `${imagesPath}: ${images.shape.length} dimensions, pictures have 2 to 4: [N, D], [N, H, W], [N, C, H, W]`,
    );
  }
  if (labels.shape.length !== 1) {
    throw new IdxError("wrong-magic", `${labelsPath}: ${labels.shape.length} dimensions, labels have 1`);
  }
  if (images.shape[0] !== labels.shape[0]) {
    throw new IdxError(
      "counts-differ",
      `${imagesPath} holds ${images.shape[0]} pictures, ${labelsPath} holds ${labels.shape[0]} labels`,
    );
  }
  const example = images.shape.slice(1);
  const inputShape = example.length === 2 ? [1, ...example] : example;
  return new ByteDataset({ inputs: images.data, inputShape, labels: labels.data, normalization });
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** At least the IDX header, if it is there. */
function inflateHead(bytes: Uint8Array, name: string): Uint8Array {
  // That a part of a file ends early is no error.
  const finishFlush = bytes.length > HEAD_BYTES ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
  const head = gunzip(name, () => gunzipSync(bytes.subarray(0, HEAD_BYTES), { finishFlush }));
  return head.subarray(0, LONGEST_HEADER);
}

function inflate(bytes: Uint8Array, most: number, name: string, says: string): Uint8Array {
  try {
    return gunzip(name, () => gunzipSync(bytes, { maxOutputLength: Math.min(most, kMaxLength) }));
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException)?.code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new IdxError("too-long", `${says}, more are there`);
  }
}

function gunzip(name: string, work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (cause) {
    throw new IdxError("bad-gzip", `${name}: not a whole gzip file (${(cause as Error).message})`, { cause });
  }
}

function checkMagic(view: DataView, name: string): void {
  const magic = view.getUint32(0);
  const type = view.getUint8(2);
  if (view.getUint16(0) !== 0 || (type !== UNSIGNED_BYTE && !TYPE_NAMES[type])) {
    throw new IdxError("wrong-magic", `${name}: starts with 0x${magic.toString(16).padStart(8, "0")}, not an IDX file`);
  }
  if (type !== UNSIGNED_BYTE) {
    throw new IdxError("wrong-type", `${name}: elements of type ${TYPE_NAMES[type]}, unsigned bytes (0x08) allowed`);
  }
  if (view.getUint8(3) === 0) throw new IdxError("wrong-magic", `${name}: no dimensions, at least 1 needed`);
}

function readShape(view: DataView, name: string): number[] {
  const dimensions = view.getUint8(3);
  if (view.byteLength < 4 + 4 * dimensions) {
    throw new IdxError(
      "truncated",
      `${name}: ${view.byteLength} bytes, a header of ${dimensions} dimensions has ${4 + 4 * dimensions}`,
    );
  }
  return Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
}
