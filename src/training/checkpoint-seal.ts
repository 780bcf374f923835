/** The checksum of a checkpoint: SHA-256 over every tensor's name, shape and bytes and all other metadata. */
import { createHash } from "node:crypto";
import { DataError } from "../data/dataset.js";
import { decodeSafetensors, readSafetensors, type Tensor, type TensorFile } from "../data/safetensors.js";

type Metadata = Readonly<Record<string, string>>;

/** The metadata with the checksum of everything else. */
export function seal(tensors: ReadonlyMap<string, Tensor>, metadata: Metadata): Record<string, string> {
  return { ...metadata, sha256: digest(tensors, metadata) };
}

/** Reads a checkpoint of either kind. Throws a DataError naming the file unless it is what was written. */
export function readCheckpoint(path: string): TensorFile {
  return checkSeal(readSafetensors(path), path);
}

/** Reads a checkpoint's bytes, as `readCheckpoint` does; `source` stands for the file in errors. */
export function decodeCheckpoint(bytes: Uint8Array, source: string): TensorFile {
  return checkSeal(decodeSafetensors(bytes, source), source);
}

function checkSeal(file: TensorFile, source: string): TensorFile {
  const { sha256, ...sealed } = file.metadata;
  if (sha256 === digest(file.tensors, sealed)) return file;
  throw new DataError(`${source}: is damaged: its SHA-256 is not that of its content`);
}

function digest(tensors: ReadonlyMap<string, Tensor>, metadata: Metadata): string {
  const hash = createHash("sha256").update(JSON.stringify(sorted(Object.entries(metadata))));
  for (const [name, { shape, values }] of sorted([...tensors])) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}

function sorted<T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
