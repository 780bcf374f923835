/**
 * A run's folder: whose it is, how far it got, and what it has spent.
 *
 * Steps are counted before they are taken: `reserve(n)` writes n to disk, then up to n steps may run. A run that is
 * killed is therefore resumed with at least what it spent, never less. One process at a time holds `run.lock`.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeFolder, readJson, writeAtomically } from "./files.js";

/** The folder holds another run, is in use, or is no run's folder. */
export class RunDirectoryError extends Error {
  override readonly name = "RunDirectoryError";
}

const statuses = ["running", "interrupted", "finished", "budget"] as const;
/** `budget`: ended because another step would have exceeded ε; over for good, as `finished` is. */
export type RunStatus = (typeof statuses)[number];

const recordSchema = z.object({
  format: z.literal(1),
  status: z.enum(statuses),
  /** Fingerprint of all that must not change between a run and its continuation. */
  fingerprint: z.string(),
  /** How often the run has been resumed. */
  resumed: z.int().min(0),
  /** Steps that privacy accounting counts: taken, or allowed to be taken before the next entry. */
  accountedSteps: z.int().min(0),
  /** Steps counted above whose results died with their process. */
  lostSteps: z.int().min(0),
});
export type RunRecord = Readonly<z.infer<typeof recordSchema>>;

export interface RunPaths {
  readonly record: string;
  readonly lock: string;
  readonly config: string;
  readonly metrics: string;
  readonly privacy: string;
  /** The model alone, PyTorch's names. */
  readonly checkpoint: string;
  /** Everything that resuming needs: one file, so that it is never half of one step and half of another. */
  readonly state: string;
  readonly report: string;
}

/** Where a run's files lie. */
export function runPaths(path: string): RunPaths {
  return {
    record: join(path, "run.json"),
    lock: join(path, "run.lock"),
    config: join(path, "config.json"),
    metrics: join(path, "metrics.csv"),
    privacy: join(path, "privacy.json"),
    checkpoint: join(path, "checkpoint.safetensors"),
    state: join(path, "state.safetensors"),
    report: join(path, "report.html"),
  };
}

export class RunDirectory {
  readonly files: RunPaths;

  private constructor(
    readonly path: string,
    private record: RunRecord,
  ) {
    this.files = runPaths(path);
  }

  get status(): RunStatus {
    return this.record.status;
  }
  get resumed(): number {
    return this.record.resumed;
  }
  get accountedSteps(): number {
    return this.record.accountedSteps;
  }
  get lostSteps(): number {
    return this.record.lostSteps;
  }

  /** Starts a run in `path`, made if need be. Throws a RunDirectoryError if a run is there already. */
  static create(path: string, fingerprint: string): RunDirectory {
    makeFolder(path);
    lock(path);
    try {
      if (existsSync(runPaths(path).record)) {
        throw new RunDirectoryError(
          `${path} holds a run already: --resume continues it, another --out starts a new one`,
        );
      }
      const record: RunRecord = {
        format: 1,
        status: "running",
        fingerprint,
        resumed: 0,
        accountedSteps: 0,
        lostSteps: 0,
      };
      const directory = new RunDirectory(path, record);
      directory.write(record);
      return directory;
    } catch (error) {
      unlock(path);
      throw error;
    }
  }

  /**
   * Opens the run in `path` to go on from a checkpoint after `checkpointStep` steps (read under the lock). Throws a
   * RunDirectoryError if there is none, it is finished, in use, or was made with settings of another fingerprint.
   */
  static resume(path: string, fingerprint: string, checkpointStep: () => number): RunDirectory {
    if (!existsSync(runPaths(path).record)) {
      throw new RunDirectoryError(`${path} holds no run to resume: leave --resume out to start one there`);
    }
    lock(path);
    try {
      const record = readRecord(path);
      if (record.status === "finished" || record.status === "budget") {
        const how = record.status === "budget" ? "run that its privacy budget ended" : "finished run";
        throw new RunDirectoryError(`${path} holds a ${how}: another --out starts a new one`);
      }
      if (record.fingerprint !== fingerprint) {
        throw new RunDirectoryError(
          `${path} was made with another configuration (${runPaths(path).config}): resume with that one, or another --out starts a new run`,
        );
      }
      const lostSteps = record.accountedSteps - checkpointStep();
      const directory = new RunDirectory(path, record);
      directory.write({ ...record, status: "running", resumed: record.resumed + 1, lostSteps });
      return directory;
    } catch (error) {
      unlock(path);
      throw error;
    }
  }

  /** Durably counts `steps` steps in all, before the last of them may be taken. Never lowers the count. */
  reserve(steps: number): void {
    if (steps <= this.record.accountedSteps) return;
    this.write({ ...this.record, accountedSteps: steps });
  }

  /** Ends this process's part of the run after `taken` steps in all were counted, and lets go of the folder. */
  close(status: Exclude<RunStatus, "running">, taken: number): void {
    this.write({ ...this.record, status, accountedSteps: taken });
    unlock(this.path);
  }

  /** Lets go of the folder and leaves the record as it is: after a failure, reserved steps stay counted. */
  abandon(): void {
    unlock(this.path);
  }

  private write(record: RunRecord): void {
    this.record = record;
    writeAtomically(this.files.record, `${JSON.stringify(record, null, 2)}\n`);
  }
}

/** The first of `name-001`, `name-002`, … in `parent` that does not exist. */
export function freshRunPath(parent: string, name: string): string {
  const there = existsSync(parent) ? readdirSync(parent) : [];
  const numbers = there.map((entry) => Number(entry.match(/-(\d+)$/)?.[1] ?? 0));
  const next = Math.max(0, ...numbers) + 1;
  return join(parent, `${name}-${String(next).padStart(3, "0")}`);
}

function readRecord(path: string): RunRecord {
  const parsed = recordSchema.safeParse(readJson(runPaths(path).record));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RunDirectoryError(
    `${runPaths(path).record}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a run's record"}`,
  );
}

/** Takes the folder, over from a dead process if need be. Of several that try, one at most succeeds. */
function lock(path: string): void {
  const file = runPaths(path).lock;
  if (createLock(file)) return;
  refuseLiving(path, file);
  // Between reading that a holder is dead and deleting its lock, another process may have taken over: one at a time.
  const takeover = `${file}.takeover`;
  if (!createLock(takeover)) throw inUse(path, readHolder(takeover), takeover);
  try {
    refuseLiving(path, file);
    unlock(path);
    if (!createLock(file)) throw inUse(path, readHolder(file), file);
  } finally {
    unlinkSync(takeover);
  }
}

function createLock(file: string): boolean {
  try {
    const handle = openSync(file, "wx");
    writeSync(handle, String(process.pid));
    closeSync(handle);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** The process that a lock names; empty where it is just being written, or is gone again. */
function readHolder(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}

function refuseLiving(path: string, file: string): void {
  const holder = readHolder(file);
  if (holder === "" || isAlive(Number(holder))) throw inUse(path, holder, file);
}

function inUse(path: string, holder: string, file: string): RunDirectoryError {
  const who = holder === "" ? "another process" : `process ${holder}`;
  return new RunDirectoryError(`${path} is in use by ${who}; if that is none of yours, delete ${file}`);
}

function unlock(path: string): void {
  if (existsSync(runPaths(path).lock)) unlinkSync(runPaths(path).lock);
}

// Signal 0 only asks; EPERM means that the process exists and is another user's.
function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
