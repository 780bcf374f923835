/**
 * What a run with correlated noise is to the accountant, and so to the ledger.
 *
 * **What is released** is (C·G)_t + σS·z_t, step by step, z independent: the noisy gradients are computed from it. As C is lower
 * triangular and each step's gradients depend on what was released before, it is a Gaussian mechanism with gradients chosen as
 * it goes, which costs no more than with fixed ones (Denisov et al. 2022, arXiv:2202.08312).
 *
 * - **Amplified** (Choquette-Choo et al. 2023, arXiv:2306.08153, theorem 4): C has no more bands than the cycle of a cyclic
 *   Poisson sampler has steps. The rows that an example's participations reach are then disjoint, each participation is drawn by a
 *   coin of its own, and a cycle is one Poisson step with noise σ.
 * - **In full** otherwise: a Gaussian mechanism of all the data in every window of steps, as much as an example can add to it
 *   (participation.ts). No amplification by sampling is claimed.
 *
 * **Processes.** Each draws a z of its own. Where noise is carried on, a process that resumes has rows of C·G with the same
 * history as the one before it, or as a copy of the run: they are rows of the same kind with fresh noise, and each process pays
 * for every window that it enters. That needs participations to keep their distance from process to process: cyclic ones alone
 * do. And it needs windows that are paid in full: amplification counts on the coin behind a row being tossed once, which two
 * processes with the same history would break. Elsewhere noise starts anew with each process, whose rows are then a mechanism by
 * themselves.
 */
import type { NoisePiece } from "../privacy/calibrate.js";
import type { CyclicMechanism } from "../privacy/cycle.js";
import type { Correlation } from "./index.js";
import { type Participation, ROUNDING, windowSquares } from "./participation.js";
import { sumOfSquares } from "./series.js";

export interface CorrelatedCharges {
  /** As what a step is accounted, but for its noise. */
  readonly mechanism: Omit<CyclicMechanism, "noiseMultiplier">;
  /** What the accountant's noise multiplier is, over σ, step by step; all steps in order. */
  readonly pieces: readonly NoisePiece[];
  /** Whether a process that resumes goes on with the noise before it; else noise starts anew. */
  readonly carried: boolean;
  /** For `privacy.json`. */
  readonly accountedAs: string;
}

/** Rows of the ledger: windows beyond are held together, at the largest of them. */
const MOST_PIECES = 64;

/** `sampled`: the sampler's own mechanism and the participation that it sees to; `steps`: T. */
export function chargesOf(
  { column }: Pick<Correlation, "column">,
  sampled: {
    readonly mechanism: Omit<CyclicMechanism, "noiseMultiplier">;
    readonly participation: Participation;
  },
  steps: number,
): CorrelatedCharges {
  const { mechanism, participation } = sampled;
  const isCyclic = participation.pattern === "cyclic";
  if (isCyclic && column.length <= participation.steps && mechanism.samplingRate < 1) {
    return {
      mechanism,
      // Columns meant to have norm 1 may be a little longer once their numbers are float32.
      pieces: [{ factor: 1 / Math.sqrt(Math.max(1, sumOfSquares(column) * ROUNDING)), steps }],
      carried: false,
      accountedAs:
        `each cycle of ${participation.steps} steps as one Poisson step of rate ${mechanism.samplingRate}: C has ` +
        `${column.length} bands, so that no row sees an example twice`,
    };
  }
  return {
    mechanism: { samplingRate: 1, cycle: participation.steps },
    pieces: piecesOf(windowSquares(column, steps, participation), participation.steps, steps),
    carried: isCyclic,
    accountedAs:
      `each window of ${participation.steps} steps as one Gaussian mechanism on all the data, with what an example can add ` +
      "to its rows of C·G: no amplification by sampling",
  };
}

function piecesOf(squares: Float64Array, length: number, steps: number): NoisePiece[] {
  const exact = merged(squares, length, steps, (m) => m);
  if (exact.length <= MOST_PIECES) return exact;
  // They grow with m: the last window of each piece is its largest.
  const size = Math.ceil(squares.length / MOST_PIECES);
  return merged(squares, length, steps, (m) => Math.min(squares.length - 1, m - (m % size) + size - 1));
}

/** Window m at the price of window `priced(m)`, those of one price together. */
function merged(squares: Float64Array, length: number, steps: number, priced: (m: number) => number): NoisePiece[] {
  const pieces: NoisePiece[] = [];
  squares.forEach((_, m) => {
    const factor = 1 / Math.sqrt(Math.max(squares[m] as number, squares[priced(m)] as number));
    const rows = Math.min(length, steps - m * length);
    const last = pieces.at(-1);
    if (last?.factor === factor) pieces[pieces.length - 1] = { factor, steps: last.steps + rows };
    else pieces.push({ factor, steps: rows });
  });
  return pieces;
}
