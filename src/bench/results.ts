/** What a benchmark run finds: written as JSON, shown as a table and as a page. */
import type { MachineDescription } from "./machine.js";

/** One engine on one workload under one strategy. Times are medians over rounds of the medians of a round's steps. */
export interface BenchRow {
  readonly engine: string;
  readonly workload: string;
  readonly strategy: string;
  readonly private: boolean;
  readonly batch: number;
  readonly msPerStep: number;
  /** First and third quartile over rounds. */
  readonly msQuartiles: readonly [number, number];
  readonly examplesPerSecond: number;
  /** Time over that of hushgrad's `none`: median over rounds of the ratio within the round. */
  readonly overhead?: number;
  /** The same over hushgrad's `auto`. */
  readonly overAuto?: number;
  /** Peak resident memory above that before model and data were made. */
  readonly peakBytes: number;
  /** As `plan()` says: hushgrad only. */
  readonly plannedBytes?: number;
  readonly rounds: number;
}

/** What was not timed, and why. */
export interface SkippedRow {
  readonly engine: string;
  readonly workload: string;
  readonly strategy: string;
  readonly reason: string;
  /** Not there, as a package that is missing; else something went wrong. */
  readonly missing: boolean;
}

export interface BenchResult {
  readonly machine: MachineDescription;
  readonly rows: readonly BenchRow[];
  readonly skipped: readonly SkippedRow[];
}
