/**
 * The ledger on disk: `ledger.jsonl`, appended to and flushed before anything is done that an entry allows. One process
 * writes; where the file has grown or been replaced behind its back it writes no more.
 */
import {
  appendFile,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { type Ledger, type LedgerBody, type LedgerMark, lastMark, parseLedger, sealEntry } from "../privacy/ledger.js";
import { whyUnreadable, whyUnwritten, writeAtomically } from "./files.js";
import { RunDirectoryError } from "./run-errors.js";

/** Reads and checks a ledger. Throws a LedgerError, or an Error naming a file that cannot be read. */
export function readLedger(path: string): Ledger {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: ${whyUnreadable(error)}`);
  }
  return parseLedger(text, path);
}

/** Lines to be written, and the mark of the last. */
interface Sealed {
  readonly bytes: Buffer;
  readonly last: LedgerMark;
}

export class LedgerWriter {
  /** Why nothing more is written. */
  private broken: string | undefined;
  private closed = false;

  private constructor(
    private readonly path: string,
    private readonly file: number,
    private size: number,
    private last: LedgerMark,
  ) {}

  /** Starts a ledger with its first entry: whole or not there at all. */
  static create(path: string, start: LedgerBody): LedgerWriter {
    const { line, ...mark } = sealEntry(start, undefined);
    writeAtomically(path, line);
    return LedgerWriter.open(path, mark);
  }

  /**
   * Goes on with `ledger`, as read from `path`; a damaged last line is replaced by `resume`, which counts it. Throws a
   * RunDirectoryError where the file is no longer what was read.
   */
  static resume(path: string, ledger: Ledger, resume: LedgerBody): LedgerWriter {
    if (ledger.torn !== undefined) {
      const { line, ...mark } = sealEntry(resume, lastMark(ledger));
      const whole = readFileSync(path).subarray(0, ledger.bytes);
      writeAtomically(path, Buffer.concat([whole, Buffer.from(line, "utf8")]));
      return LedgerWriter.open(path, mark);
    }
    const writer = LedgerWriter.open(path, lastMark(ledger), ledger.bytes);
    try {
      writer.append(resume);
      return writer;
    } catch (error) {
      writer.close();
      throw error;
    }
  }

  private static open(path: string, last: LedgerMark, size?: number): LedgerWriter {
    const file = openSync(path, "a");
    return new LedgerWriter(path, file, size ?? fstatSync(file).size, last);
  }

  /** The last entry written. */
  get mark(): LedgerMark {
    return this.last;
  }

  /**
   * Writes entries and flushes them to disk. Throws a RunDirectoryError where that fails: nothing may then be done that
   * they would allow, and this writer writes no more.
   */
  append(...bodies: readonly LedgerBody[]): void {
    const sealed = this.seal(bodies);
    try {
      const { bytes } = sealed;
      for (let from = 0; from < bytes.length; ) from += writeSync(this.file, bytes, from);
      fdatasyncSync(this.file);
    } catch (error) {
      this.giveUp(error);
    }
    this.accept(sealed);
  }

  /** The same without blocking the event loop. One at a time: nothing is appended before it has resolved or rejected. */
  async appendLater(body: LedgerBody): Promise<void> {
    const sealed = this.seal([body]);
    try {
      await promisify(appendFile)(this.file, sealed.bytes);
      await promisify(fdatasync)(this.file);
    } catch (error) {
      this.giveUp(error);
    }
    this.accept(sealed);
  }

  /** Safe to call twice: by then the number may be another file's. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.file);
  }

  private seal(bodies: readonly LedgerBody[]): Sealed {
    if (this.broken !== undefined) throw new RunDirectoryError(`${this.path}: ${this.broken}`);
    this.requireSize(this.size);
    let { last } = this;
    let text = "";
    for (const body of bodies) {
      const { line, ...mark } = sealEntry(body, last);
      text += line;
      last = mark;
    }
    return { bytes: Buffer.from(text, "utf8"), last };
  }

  private accept({ bytes, last }: Sealed): void {
    this.size += bytes.length;
    this.requireSize(this.size);
    this.last = last;
  }

  /** After a flush that failed nobody knows what is on the disk; trying again could seem to succeed. */
  private giveUp(error: unknown): never {
    this.takeBack();
    this.fail(`${whyUnwritten(error)}; no step was taken that it does not count, and what it holds is counted`);
  }

  /** Half a line would be counted as a whole reservation. */
  private takeBack(): void {
    try {
      ftruncateSync(this.file, this.size);
    } catch {
      // Then it is counted so.
    }
  }

  private requireSize(expected: number): void {
    const ours = fstatSync(this.file);
    const there = statSync(this.path, { throwIfNoEntry: false });
    if (ours.size === expected && there?.ino === ours.ino) return;
    this.fail("was written to, moved or replaced by someone else while this run was under way");
  }

  private fail(why: string): never {
    this.broken = why;
    throw new RunDirectoryError(`${this.path}: ${why}`);
  }
}
