/**
 * One process at a time works in a run's folder: `run.lock` names it. A process that finds a dead one there claims the
 * folder with a file that is named after the dead one, which only one of several can create, and then puts itself into
 * `run.lock`. One that dies in between is followed by a claim named after it: no moment of death shuts everyone out.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { whyUnwritten } from "./files.js";
import { RunDirectoryError } from "./run-errors.js";

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells two holders of one process apart, and names the claim that follows this one. */
  readonly token: string;
}

export class RunLock {
  private constructor(
    private readonly file: string,
    private readonly content: string,
  ) {}

  /**
   * Takes the folder `path`, over from a dead process of this machine if need be. Of several that try, one at most
   * succeeds. Throws a RunDirectoryError where it is in use, or cannot be written to.
   */
  static take(path: string, file: string): RunLock {
    const holder: Holder = { pid: process.pid, host: hostname(), token: randomBytes(8).toString("hex") };
    const lock = new RunLock(file, JSON.stringify(holder));
    if (create(path, file, lock.content)) return lock;
    const first = readIfThere(file);
    const claim = claimOf(file, lastHolder(path, file));
    if (!create(path, claim, lock.content)) throw inUse(path, claim);
    try {
      // Where it changed meanwhile, someone who lives has taken over or let go: the claim follows nobody.
      if (first === undefined || readIfThere(file) !== first) throw inUse(path, file);
      renameSync(claim, file);
    } catch (error) {
      rmSync(claim, { force: true });
      throw error;
    }
    removeClaims(file);
    return lock;
  }

  /** Lets go, unless someone deleted the lock and another process took the folder. */
  release(): void {
    if (readIfThere(this.file) === this.content) rmSync(this.file);
  }
}

/** Whole or not at all: a lock that a process left empty, for it died or the disk was full, would keep everyone out. */
function create(path: string, file: string, content: string): boolean {
  const draft = `${file}.${randomBytes(8).toString("hex")}.${process.pid}.tmp`;
  try {
    write(draft, content);
    return putInPlace(draft, file);
  } catch (error) {
    throw new RunDirectoryError(`${path}: ${whyUnwritten(error)}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function write(file: string, content: string): void {
  const handle = openSync(file, "wx");
  try {
    writeSync(handle, content);
  } finally {
    closeSync(handle);
  }
}

/** False where `file` is there, or whoever holds the folder has cleared `draft` away. */
function putInPlace(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOENT") return false;
    if (code !== "EPERM" && code !== "ENOSYS" && code !== "ENOTSUP") throw error;
    return copyExclusively(draft, file); // file systems without hard links
  }
}

function copyExclusively(draft: string, file: string): boolean {
  try {
    copyFileSync(draft, file, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function claimOf(file: string, dead: Holder): string {
  return `${file}.after-${dead.token}`;
}

/** The dead process that nobody has followed yet. Throws a RunDirectoryError where one lives, or may. */
function lastHolder(path: string, file: string): Holder {
  for (let at = file; ; ) {
    const holder = readHolder(at);
    if (!holder || holder.host !== hostname() || isAlive(holder.pid)) throw inUse(path, at);
    const next = claimOf(file, holder);
    if (readIfThere(next) === undefined) return holder;
    at = next;
  }
}

/** Those of dead processes; one that is being made for a lock that is no more is given up by its maker. */
function removeClaims(file: string): void {
  for (const name of readdirSync(dirname(file))) {
    if (name.startsWith(`${basename(file)}.after-`)) rmSync(join(dirname(file), name), { force: true });
  }
}

/** The file's content; undefined where it is gone. Empty where it is just being written. */
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

/** Undefined where it cannot be told, so that the folder counts as in use. */
function readHolder(file: string): Holder | undefined {
  try {
    const { pid, host, token } = JSON.parse(readIfThere(file) ?? "") as Holder;
    const isHolder = Number.isSafeInteger(pid) && pid > 0 && typeof host === "string" && /^[0-9a-f]{16}$/.test(token);
    return isHolder ? { pid, host, token } : undefined;
  } catch {
    return undefined;
  }
}

function inUse(path: string, file: string): RunDirectoryError {
  const holder = readHolder(file);
  const elsewhere = holder && holder.host !== hostname() ? ` on ${holder.host}` : "";
  const who = holder ? `process ${holder.pid}${elsewhere}` : "another process";
  return new RunDirectoryError(`${path} is in use by ${who}; if that is none of yours, delete ${file}`);
}

// Signal 0 only asks; EPERM means that the process exists and is another user's.
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
