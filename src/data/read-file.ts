/** Reads files that are not trusted: regular ones alone, of bounded size. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { whyUnreadable } from "../training/files.js";
import { DataError } from "./dataset.js";

/** Opening never waits, as it would on a named pipe. */
const NON_BLOCKING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** What `work` makes of the open file. Rejects with a DataError that names the file, unless it is a regular one. */
export async function withRegularFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, NON_BLOCKING);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new Error("it is a folder, not a file");
    if (!stat.isFile()) throw new Error("not a regular file");
    return await work(file);
  } catch (error) {
    throw error instanceof DataError ? error : new DataError(`${path}: ${whyUnreadable(error)}`);
  } finally {
    await file?.close();
  }
}

/** The file's bytes. Rejects with a DataError that names the file, unless it is a regular one of 1 to `most` bytes. */
export function readRegularFile(path: string, most: number): Promise<Uint8Array> {
  return withRegularFile(path, async (file) => {
    const { size } = await file.stat();
    if (size > most) throw new Error(`${size} bytes, at most ${most} are read`);
    const bytes = await file.readFile();
    if (bytes.length === 0) throw new Error("an empty file");
    return bytes;
  });
}
