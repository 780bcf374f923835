/** Facts, rows and entries for tests of the ledger. */
import type { LedgerBody, LedgerMark } from "../../src/privacy/ledger.js";
import { sealEntry } from "../../src/privacy/ledger.js";
import type { MechanismSteps } from "../../src/privacy/mechanism.js";
import type { RunFacts } from "../../src/training/run-directory.js";

/** Steps at q = 0.1. */
export const row = (steps: number, noiseMultiplier = 1): MechanismSteps => ({
  samplingRate: 0.1,
  noiseMultiplier,
  steps,
});

/** A run of 320 private steps, the last 20 at σ = 0.5; at most 20 are reserved at once. */
export function runFacts(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    fingerprint: "a".repeat(64),
    seeded: false,
    sampler: "poisson",
    relation: "add/remove",
    unit: "example",
    delta: 1e-5,
    clipping: { function: "abadi", style: "flat", thresholds: [1], sensitivity: 1, countNoise: null },
    mechanisms: [row(300), row(20, 0.5)],
    largestReservation: 20,
    ...changes,
  };
}

export const startOf = (run: string, changes: Partial<RunFacts> = {}): LedgerBody => ({
  kind: "start",
  format: 1,
  run: run.repeat(32),
  software: "hushgrad 0.0.0",
  ...runFacts(changes),
});
export const reserve = (steps: number, noiseMultiplier = 1): LedgerBody => ({
  kind: "reserve",
  step: 0,
  mechanisms: [row(steps, noiseMultiplier)],
});
export const settle = (taken: number): LedgerBody => ({ kind: "settle", taken });
/** By the process of that letter, a hexadecimal digit. */
export const resumed = (process: string): LedgerBody => ({
  kind: "resume",
  process: process.repeat(32),
  step: 0,
  software: "hushgrad 0.0.0",
  damaged: null,
});
export const end = (status: "interrupted" | "finished" | "budget"): LedgerBody => ({ kind: "end", status, step: 0 });

/** A ledger's text. */
export function chain(...bodies: readonly LedgerBody[]): string {
  let last: LedgerMark | undefined;
  return bodies
    .map((body) => {
      const { line, ...mark } = sealEntry(body, last);
      last = mark;
      return line;
    })
    .join("");
}
