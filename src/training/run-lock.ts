/** One process at a time works in a run's folder: a file that names it. */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { RunDirectoryError } from "./run-errors.js";

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells two holders of one process apart. */
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
    if (lock.create(path)) return lock;
    refuseLiving(path, file);
    // Between reading that a holder is dead and deleting its lock, another process may have taken over: one at a time.
    const takeover = new RunLock(`${file}.takeover`, lock.content);
    if (!takeover.create(path)) throw inUse(path, takeover.file);
    try {
      refuseLiving(path, file);
      unlinkSync(file);
      if (!lock.create(path)) throw inUse(path, file);
    } finally {
      takeover.release();
    }
    return lock;
  }

  /** Lets go, unless someone deleted the lock and another process took the folder. */
  release(): void {
    if (readIfThere(this.file) === this.content) unlinkSync(this.file);
  }

  private create(path: string): boolean {
    try {
      const handle = openSync(this.file, "wx");
      try {
        writeSync(handle, this.content);
      } finally {
        closeSync(handle);
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      this.removeHalfWritten();
      throw new RunDirectoryError(`${path}: cannot be written to (${(error as Error).message})`);
    }
  }

  // A full disk leaves an empty lock, which would keep everyone out.
  private removeHalfWritten(): void {
    if (readIfThere(this.file) === "") unlinkSync(this.file);
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

function refuseLiving(path: string, file: string): void {
  const holder = readHolder(file);
  if (!holder || holder.host !== hostname() || isAlive(holder.pid)) throw inUse(path, file);
}

/** Undefined where it cannot be told, so that the folder counts as in use. */
function readHolder(file: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(readIfThere(file) ?? "") as Holder;
    return Number.isSafeInteger(pid) && pid > 0 && typeof host === "string" ? { pid, host, token: "" } : undefined;
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
