/** Files that are either the old ones or the new ones, whole, whatever moment the process or the machine dies. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Replaces `path` by `content`: a temporary file beside it, flushed to disk, then renamed over it. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w");
  try {
    for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  flushFolder(dirname(path));
}

/** Creates `folder` and its parents. */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
}

/** The file's JSON, or undefined if there is no such file. Throws an error naming the file if it is not JSON. */
export function readJson(path: string): unknown {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
}

// A rename survives a power cut only once the folder is flushed; Windows cannot open folders and needs no flush.
function flushFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
