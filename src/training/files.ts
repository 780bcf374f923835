/** Files that are either the old ones or the new ones, whole, whatever moment the process or the machine dies. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { open, rename, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** A rename survives a power cut only once the folder is flushed; Windows cannot open folders and needs no flush. */
const foldersAreFlushed = process.platform !== "win32";

/**
 * Replaces `path` by `content`: a temporary file beside it, flushed to disk, then renamed over it. What was there is kept
 * as `previous`, if given; `mode`: of the new file, less the process's mask. Where that fails, as on a full disk, nothing is
 * left but what was there. @throws Error naming the file, why and what to do.
 */
export function writeAtomically(path: string, content: string | Uint8Array, previous?: string, mode = 0o666): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const temporary = temporaryFor(path);
  try {
    writeFlushed(temporary, bytes, mode);
    if (previous !== undefined && existsSync(path)) renameSync(path, previous);
    renameSync(temporary, path);
    flushFolder(dirname(path));
  } catch (error) {
    discard(temporary);
    throw unwritten(path, error);
  }
}

/** What is left of it, if anything is, and if it can be: the first error is the one to tell. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {
    // Where no file can be made, none is left.
  }
}

/** The same without blocking the event loop. */
export async function writeAtomicallyLater(path: string, content: string): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, path);
    await flushFolderLater(dirname(path));
  } catch (error) {
    discard(temporary);
    throw unwritten(path, error);
  }
}

/** Appends to a file, which is not flushed. @throws Error naming the file, why and what to do. */
export function appendTo(path: string, content: string): void {
  try {
    appendFileSync(path, content);
  } catch (error) {
    throw unwritten(path, error);
  }
}

function unwritten(path: string, error: unknown): Error {
  return new Error(`${path}: ${whyUnwritten(error)}`, { cause: error });
}

/** Why a file or folder could not be written, in words that go after its name, and what to do. */
export function whyUnwritten(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `cannot be written (${message})${isFull(code) ? `: ${makeRoom}` : ""}`;
}

const makeRoom = "there is no room left; make some and try again, a run with --resume";

function isFull(code: string | undefined): boolean {
  return code === "ENOSPC" || code === "EDQUOT";
}

function temporaryFor(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** A file that was asked for by its path, whose folder is there: one that is not may be a slip. @throws Error naming the file, and why not. */
export function writeOutput(path: string, content: string): void {
  if (!isFolder(dirname(path))) throw noOutput(path, "there is no such folder");
  try {
    writeAtomically(path, content);
  } catch (error) {
    const why = whyNoOutput((error as Error).cause);
    throw why === undefined ? error : noOutput(path, why);
  }
}

function noOutput(path: string, why: string): Error {
  return new Error(`${path}: cannot be written: ${why}; give a file in a folder that can be written to`);
}

/** Where another path helps; not in the system's words, which name the temporary file. */
function whyNoOutput(cause: unknown): string | undefined {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT") return "no files can be made there";
  if (code === "EISDIR") return "it is a folder, not a file";
  return code === "EROFS" ? "the file system is read-only" : whyDenied(code);
}

function writeFlushed(path: string, bytes: Uint8Array, mode: number): void {
  const file = openSync(path, "w", mode);
  try {
    for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Creates `folder` and its parents. Not by mkdir's own `recursive`: where the system answers "no such file" although
 * the parent is there, as in /proc, that of Node.js 20 tries for ever.
 * @throws Error naming the folder that cannot be made, and why.
 */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return; // another process was quicker
    throw new Error(`${path}: cannot be made: ${whyNoFolder(error)}`);
  }
  flushFolder(parent);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // making it will tell why
  }
}

function whyNoFolder(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (isFull(code)) return `${message}: ${makeRoom}`;
  return `${whyNoPlace(error)}; give a folder that can be written to`;
}

function whyNoPlace(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST" || code === "ENOTDIR") return "there is a file of that name";
  if (code === "ENOENT") return `no folders can be made in ${dirname((error as NodeJS.ErrnoException).path ?? "it")}`;
  return whyDenied(code) ?? message;
}

/** Why a file could not be read, in words that go after its name: `there is no such file`. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EISDIR") return "it is a folder, not a file";
  return whyDenied(code) ?? message;
}

function whyDenied(code: string | undefined): string | undefined {
  return code === "EACCES" || code === "EPERM" ? "this user has no permission" : undefined;
}

/** The file's JSON, or undefined if there is no such file. Throws an error naming the file and what is wrong with it. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${path}: ${whyUnreadable(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
}

function flushFolder(folder: string): void {
  if (!foldersAreFlushed) return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

async function flushFolderLater(folder: string): Promise<void> {
  if (!foldersAreFlushed) return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
