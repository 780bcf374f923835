/** What a benchmark run finds: written as JSON, shown as a table and as a page. */
import type { MachineDescription } from "./machine.js";

/** Told what is under way, line by line. */
export type Log = (line: string) => void;

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

/**
 * `read`, `naive` (separate passes: norms, scaling, sum) and `fused` (one read) are kernels on every core, timed
 * natively; `clipAndSum` (the fused kernel) and `perExampleNorms` are the library's functions, timed from JavaScript.
 */
export const gradientImplementations = ["read", "naive", "fused", "clipAndSum", "perExampleNorms"] as const;
export type GradientImplementation = (typeof gradientImplementations)[number];

/** One implementation over ready gradients [examples, columns] in float32. Times are medians as in BenchRow. */
export interface KernelRow {
  readonly implementation: GradientImplementation;
  /** Of the gradients: 4 · examples · columns. */
  readonly bytes: number;
  readonly examples: number;
  readonly columns: number;
  readonly msPerCall: number;
  readonly msQuartiles: readonly [number, number];
  /** `bytes` over the time, however often they were read: 10⁹ bytes a second. */
  readonly gigabytesPerSecond: number;
  /** Time of plain reading of the same gradients over this one's: median over rounds of the ratio within the round. */
  readonly ofReading: number;
  /** This one's time over that of `fused`, likewise. */
  readonly overFused: number;
  readonly rounds: number;
}

export interface BenchResult {
  readonly machine: MachineDescription;
  readonly rows: readonly BenchRow[];
  /** Over ready gradients; empty where they were not measured. */
  readonly kernels: readonly KernelRow[];
  readonly skipped: readonly SkippedRow[];
}
