/** What an audit found. */
import type { NoiseFindings } from "./noise-check.js";
import type { RocFindings } from "./roc.js";

export const auditModes = ["white-box", "one-run", "membership"] as const;
export type AuditMode = (typeof auditModes)[number];

/** Lower bounds on ε at the claim's δ. */
export interface ShownEpsilon {
  /** For the claimed mechanism with less noise: what the verdict compares. */
  readonly epsilon: number;
  /** The noise is at most so many times the claimed one; null where nothing was shown. */
  readonly noiseFactor: number | null;
  /** For a Gaussian mechanism, of whatever μ: the same where q = 1, an approximation elsewhere. White-box alone. */
  readonly gaussian?: { readonly mu: number; readonly epsilon: number };
  /** For any mechanism. */
  readonly plain: number;
}

export interface AuditClaim {
  /** Of the steps that were audited. */
  readonly epsilon: number;
  readonly delta: number;
  readonly accountant: string;
  readonly samplingRate: number;
  /** Before any schedule. */
  readonly noiseMultiplier: number;
  readonly steps: number;
  /** Of the configuration. */
  readonly configuredSteps: number;
}

/** What a mode did, and found beside the bounds. */
export interface AuditFindings {
  /** Trainings: half of them with the canary, or one. */
  readonly runs: number;
  /** Records that may or may not have been in the data: 1, or those of one run. */
  readonly canaries: number;
  /** Other records in a run, which were always there. */
  readonly records: number;
  /** Length of the canaries' clipped gradients over the sensitivity, before training; of made canaries. */
  readonly share?: number;
  /** Of the runs that the bounds come from; of many runs. */
  readonly errors?: {
    readonly falseAlarms: number;
    readonly without: number;
    readonly misses: number;
    readonly with: number;
  };
  /** Right ones of those made, for each number of guesses; of one run. */
  readonly guesses?: readonly { readonly made: number; readonly right: number }[];
  readonly noise?: NoiseFindings;
  readonly roc?: RocFindings;
  readonly shown: ShownEpsilon;
  /** Had every guess been right: no audit of this size shows more. */
  readonly most: ShownEpsilon;
  /** Why the claim cannot hold; empty where it is consistent with what was seen. */
  readonly violations: readonly string[];
}

export interface AuditReport extends AuditFindings {
  readonly mode: AuditMode;
  readonly claim: AuditClaim;
  /** A right claim passes with this probability at least. */
  readonly confidence: number;
  readonly verdict: "consistent" | "violation";
  readonly seconds: number;
}

export function violationOf(shown: ShownEpsilon): string {
  return (
    `epsilon of the audited steps is at least ${shown.epsilon.toPrecision(4)}: the noise works as at most ` +
    `${shown.noiseFactor?.toPrecision(3)} times what is claimed`
  );
}
