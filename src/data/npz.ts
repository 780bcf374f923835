/**
 * NumPy's .npz archives: a zip file with a .npy file an array, stored or deflated, zip64 or not. The zip format is
 * yauzl's affair; checksums are compared here.
 */
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { type Entry, fromBufferPromise, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { checkText, checkTexts } from "../arguments.js";
import { DataError } from "./dataset.js";
import { MOST_ARRAY_BYTES, MOST_HEAD_BYTES, type NpyArray, npyLength, parseNpy } from "./npy.js";
import { withRegularFile } from "./read-file.js";

const ENDING = ".npy";
const CHUNK_BYTES = 65_536;

/**
 * Reads arrays of an archive by name; all there are unless `names` are given.
 * Rejects with a DataError that names the file, the array and what is wrong; for a name that is not in it, too.
 */
export async function readNpz(path: string, names?: readonly string[]): Promise<ReadonlyMap<string, NpyArray>> {
  checkText("path", path);
  if (names !== undefined) checkTexts("names", names);
  return withRegularFile(path, async (file) => {
    const { size } = await file.stat();
    const reader = new BoundedReader(file, size);
    const archive = await fromRandomAccessReaderPromise(reader, size, { autoClose: false, lazyEntries: true });
    return arraysOf(archive, path, names);
  });
}

/** Parses an archive's bytes, as `readNpz` does; `source` stands for the file in errors. */
export async function parseNpz(
  bytes: Uint8Array,
  source: string,
  names?: readonly string[],
): Promise<ReadonlyMap<string, NpyArray>> {
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return await arraysOf(await fromBufferPromise(buffer, { lazyEntries: true }), source, names);
  } catch (error) {
    throw error instanceof DataError ? error : new DataError(`${source}: ${(error as Error).message}`);
  }
}

async function arraysOf(
  archive: ZipFile,
  source: string,
  names: readonly string[] | undefined,
): Promise<ReadonlyMap<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  const found = new Set<string>();
  for await (const entry of archive.eachEntry()) {
    if (!entry.fileName.endsWith(ENDING)) continue;
    const name = entry.fileName.slice(0, -ENDING.length);
    if (found.has(name)) throw new Error(`holds two arrays ${JSON.stringify(name)}`);
    found.add(name);
    if (names && !names.includes(name)) continue;
    const where = `${source}, array ${JSON.stringify(name)}`;
    arrays.set(name, parseNpy(await inflate(archive, entry, where), where));
  }
  const missing = names?.find((name) => !found.has(name));
  if (missing === undefined) return arrays;
  const list = [...found].map((name) => JSON.stringify(name)).join(", ");
  throw new Error(`no array ${JSON.stringify(missing)} in it, but ${list || "none at all"}`);
}

/** yauzl's own reader of files lets a place outside the file, which a header may name, end the process. */
class BoundedReader extends RandomAccessReader {
  constructor(
    private readonly file: FileHandle,
    private readonly size: number,
  ) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.chunks(start, end), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (!(position >= 0 && position + length <= this.size)) {
      setImmediate(callback, new Error("it names a place outside the file: the file is damaged"));
      return;
    }
    this.file.read(buffer, offset, length, position).then(({ bytesRead }) => callback(null, bytesRead), callback);
  }

  private async *chunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let from = start; from < end; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - from));
      const { bytesRead } = await this.file.read(chunk, 0, chunk.length, from);
      if (bytesRead === 0) throw new Error("it ends within an array: the file is damaged");
      yield chunk.subarray(0, bytesRead);
      from += bytesRead;
    }
  }
}

/**
 * yauzl sees to it that no more and no fewer bytes come than the entry says. Of an array whose header says otherwise no
 * more than the header is inflated.
 */
async function inflate(archive: ZipFile, entry: Entry, where: string): Promise<Uint8Array> {
  const size = entry.uncompressedSize;
  if (size > MOST_ARRAY_BYTES) throw new DataError(`${where}: ${size} bytes, at most ${MOST_ARRAY_BYTES} are read`);
  try {
    const stream: Readable = await archive.openReadStreamPromise(entry);
    const bytes = await readChecked(stream, size, where);
    if (crc32(bytes) !== entry.crc32) throw new Error("its checksum differs: the file is damaged");
    return bytes;
  } catch (error) {
    throw error instanceof DataError ? error : new DataError(`${where}: ${(error as Error).message}`);
  }
}

/** `size` bytes of a stream; more than a header's only after the header has said so, too. */
async function readChecked(stream: AsyncIterable<Buffer>, size: number, where: string): Promise<Buffer> {
  let bytes: Buffer = Buffer.allocUnsafe(Math.min(size, MOST_HEAD_BYTES));
  let filled = 0;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length; ) {
      if (filled === bytes.length) bytes = enlarged(bytes, size, where);
      const copied = chunk.copy(bytes, filled, from);
      from += copied;
      filled += copied;
    }
  }
  return bytes;
}

function enlarged(head: Buffer, size: number, where: string): Buffer {
  const wanted = npyLength(head, where);
  if (wanted !== size) throw new DataError(`${where}: the header says ${wanted} bytes, ${size} are there`);
  const bytes = Buffer.allocUnsafe(size);
  head.copy(bytes);
  return bytes;
}
