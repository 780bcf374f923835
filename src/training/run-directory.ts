/**
 * A run's folder: whose it is, how far it got, and what it has spent.
 *
 * Steps are counted before they are taken: `reserve` writes them to the ledger, flushed to disk, then they may be taken. A
 * run that is killed is therefore resumed with at least what it spent, never less. One process at a time holds `run.lock`.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { checkText } from "../arguments.js";
import { packageVersion } from "../native/load.js";
import { checkNumber } from "../privacy/check.js";
import type { CyclicSteps } from "../privacy/cycle.js";
import {
  checkHolds,
  damagedLine,
  type Ledger,
  type LedgerBody,
  type LedgerMark,
  type LedgerStart,
  type RunEnd,
} from "../privacy/ledger.js";
import { spentOf, statusOf } from "../privacy/ledger-compose.js";
import { costOf, countSteps, stepsBetween } from "../privacy/ledger-rows.js";
import type { MechanismSteps } from "../privacy/mechanism.js";
import { makeFolder } from "./files.js";
import { RunDirectoryError } from "./run-errors.js";
import { LedgerWriter, readLedger } from "./run-ledger.js";
import { RunLock } from "./run-lock.js";

export { RunDirectoryError } from "./run-errors.js";

export type RunStatus = "running" | RunEnd;

export interface RunPaths {
  /** What the run may have spent, and its state: docs/ledger.md. */
  readonly ledger: string;
  readonly lock: string;
  readonly config: string;
  readonly metrics: string;
  readonly privacy: string;
  /** The model alone, PyTorch's names. */
  readonly checkpoint: string;
  /** The averaged parameters, of a run that keeps them. */
  readonly average: string;
  /** Everything that resuming needs: one file, so that it is never half of one step and half of another. */
  readonly state: string;
  /** The state before that, for the case that the last one is damaged. */
  readonly previousState: string;
  /** What correlated noise remembers, **secret**: of the state, and of the one before it. */
  readonly noise: string;
  readonly previousNoise: string;
  readonly report: string;
}

/** Where a run's files lie. */
export function runPaths(path: string): RunPaths {
  return {
    ledger: join(path, "ledger.jsonl"),
    lock: join(path, "run.lock"),
    config: join(path, "config.json"),
    metrics: join(path, "metrics.csv"),
    privacy: join(path, "privacy.json"),
    checkpoint: join(path, "checkpoint.safetensors"),
    average: join(path, "average.safetensors"),
    state: join(path, "state.safetensors"),
    previousState: join(path, "state.previous.safetensors"),
    noise: join(path, "noise.secret.safetensors"),
    previousNoise: join(path, "noise.previous.secret.safetensors"),
    report: join(path, "report.html"),
  };
}

/** What a run's ledger says of it for good. */
export type RunFacts = Omit<LedgerStart, "sequence" | "previous" | "hash" | "kind" | "format" | "run" | "software">;

/** Where a run is gone on from. */
export interface ResumePoint {
  /** Steps that the model has taken. */
  readonly step: number;
  /** The checkpoint, and the ledger's last entry when it was written; absent: from the beginning. */
  readonly from?: { readonly file: string; readonly mark: LedgerMark } | undefined;
}

export class RunDirectory {
  readonly files: RunPaths;
  private outstanding: CyclicSteps[] = [];

  private constructor(
    readonly path: string,
    private readonly lock: RunLock,
    private readonly ledger: LedgerWriter,
    /** No reservation may be of more steps. */
    readonly largestReservation: number,
    /** Spent before this process, lost steps included. */
    private readonly before: readonly MechanismSteps[],
  ) {
    this.files = runPaths(path);
  }

  /** All that is counted: spent, lost or reserved. */
  get spent(): readonly MechanismSteps[] {
    return costOf([...this.before, ...this.outstanding]);
  }

  get accountedSteps(): number {
    return countSteps(this.before) + countSteps(this.outstanding);
  }

  /** The ledger's last entry. */
  get mark(): LedgerMark {
    return this.ledger.mark;
  }

  /** Starts a run in `path`, made if need be. Throws a RunDirectoryError if a run is there already, or what one left. */
  static create(path: string, facts: RunFacts): RunDirectory {
    makeFolder(path);
    return locked(path, (lock) => {
      const { ledger } = runPaths(path);
      if (existsSync(ledger)) {
        throw new RunDirectoryError(
          `${path} holds a run already: --resume continues it, another --out starts a new one`,
        );
      }
      refuseWithoutLedger(path);
      removeLeftovers(path);
      const writer = LedgerWriter.create(ledger, {
        kind: "start",
        format: 1,
        run: identity(),
        software: software(),
        ...facts,
      });
      return new RunDirectory(path, lock, writer, facts.largestReservation, []);
    });
  }

  /**
   * Opens the run in `path` to go on from the checkpoint that `resumePoint` finds (called under the lock). Throws a
   * RunDirectoryError if there is none, it is finished, in use, or was made with settings of another fingerprint; a
   * LedgerError if its ledger is damaged or older than its other files.
   */
  static resume(path: string, fingerprint: string, resumePoint: () => ResumePoint): RunDirectory {
    const files = runPaths(path);
    if (!existsSync(files.ledger)) {
      refuseWithoutLedger(path);
      throw new RunDirectoryError(`${path} holds no run to resume: leave --resume out to start one there`);
    }
    return locked(path, (lock) => {
      const ledger = readRunLedger(path);
      refuseEnded(path, ledger);
      if (ledger.start.fingerprint !== fingerprint) {
        throw new RunDirectoryError(
          `${path} was made with another configuration (${files.config}), or with another number of training examples: what it spent was counted for those; resume with them, or another --out starts a new run`,
        );
      }
      removeLeftovers(path);
      const { step, from } = resumePoint();
      if (from) checkHolds(ledger, from.mark, from.file);
      const damaged = damagedLine(ledger);
      const resume: LedgerBody = { kind: "resume", process: identity(), step, software: software(), damaged };
      const writer = LedgerWriter.resume(files.ledger, ledger, resume);
      return new RunDirectory(path, lock, writer, ledger.start.largestReservation, spentOf(ledger));
    });
  }

  /**
   * Durably counts steps that are to be taken after step `step` of the model; none of them may be before this resolves, and
   * nothing else be called but the getters. Rejects with a RangeError for more than `largestReservation`, a
   * RunDirectoryError where they cannot be written.
   */
  async reserve(step: number, mechanisms: readonly CyclicSteps[]): Promise<void> {
    checkNumber("steps", countSteps(mechanisms), { min: 1, max: this.largestReservation, integer: true });
    await this.ledger.appendLater({ kind: "reserve", step, mechanisms: [...mechanisms] });
    this.outstanding.push(...mechanisms);
  }

  /**
   * Ends this process's part of the run at step `step` of the model, with `accounted` steps taken or lost in all: what it
   * reserved beyond them is counted no longer.
   */
  settle(status: RunEnd, step: number, accounted: number): void {
    const taken = accounted - countSteps(this.before);
    this.ledger.append({ kind: "settle", taken }, { kind: "end", status, step });
    this.outstanding = stepsBetween(this.outstanding, 0, taken);
  }

  /** Lets go of the folder and leaves the ledger as it is: what was reserved and not settled stays counted. Safe to call twice. */
  release(): void {
    this.ledger.close();
    this.lock.release();
  }
}

const markSchema = z.object({ ledger: z.object({ sequence: z.int().min(0), hash: z.string() }) });

/**
 * The ledger of the run in `path`. Throws a LedgerError where it is damaged, or no longer holds what privacy.json counts.
 */
export function readRunLedger(path: string): Ledger {
  checkText("path", path);
  const { ledger: file, privacy } = runPaths(path);
  // First what follows from the ledger: a run under way appends between the two.
  const counted = existsSync(privacy) ? markSchema.safeParse(parseOrNothing(privacy)) : undefined;
  const ledger = readLedger(file);
  if (counted?.success) checkHolds(ledger, counted.data.ledger, privacy);
  return ledger;
}

/** The first of `name-001`, `name-002`, … in `parent` that does not exist. */
export function freshRunPath(parent: string, name: string): string {
  const there = existsSync(parent) ? readdirSync(parent) : [];
  const numbers = there.map((entry) => Number(entry.match(/-(\d+)$/)?.[1] ?? 0));
  const next = Math.max(0, ...numbers) + 1;
  return join(parent, `${name}-${String(next).padStart(3, "0")}`);
}

// privacy.json follows from the ledger: a damaged one is written anew.
function parseOrNothing(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * A ledger is on disk before anything else of a run is, so that files of a run without one have lost it; which were private
 * nobody can tell any more. Throws a RunDirectoryError that names them.
 */
export function refuseWithoutLedger(path: string): void {
  const { privacy, state, previousState, checkpoint, average, noise, previousNoise, ledger } = runPaths(path);
  const left = [privacy, state, previousState, checkpoint, average, noise, previousNoise].filter((file) =>
    existsSync(file),
  );
  // Asked last: another process may have begun the run in between.
  if (left.length === 0 || existsSync(ledger)) return;
  throw new RunDirectoryError(
    `${path} holds ${left.map((file) => basename(file)).join(", ")} but no ${basename(ledger)}, without which what that run ` +
      `spent of ε would be forgotten: put its ${basename(ledger)} back, or another --out starts a new run`,
  );
}

function refuseEnded(path: string, ledger: Ledger): void {
  const status = statusOf(ledger);
  if (status !== "finished" && status !== "budget") return;
  const { noise, previousNoise } = runPaths(path);
  for (const secret of [noise, previousNoise]) rmSync(secret, { force: true }); // of a process that died just before it would
  const how = status === "budget" ? "run that its privacy budget ended" : "finished run";
  throw new RunDirectoryError(`${path} holds a ${how}: another --out starts a new one`);
}

function locked<T>(path: string, open: (lock: RunLock) => T): T {
  const lock = RunLock.take(path, runPaths(path).lock);
  try {
    return open(lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Files that a process was writing when it died: they would fill the disk. */
function removeLeftovers(path: string): void {
  for (const name of readdirSync(path)) {
    const file = join(path, name);
    // A draft of another process's lock goes by itself, maybe right now.
    if (/\.\d+\.tmp$/.test(name) && statSync(file, { throwIfNoEntry: false })?.isFile()) rmSync(file, { force: true });
  }
}

/** No two processes write the same ledger: what they reserve must not be taken for the same steps. */
function identity(): string {
  return randomBytes(16).toString("hex");
}

function software(): string {
  return `hushgrad ${packageVersion()}`;
}
