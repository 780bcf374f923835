/** Runs that with some probability were not what the accountants know: δ pays for it. */
import type { EpsilonReport } from "./accountant.js";

/** Larger ε are tried until one holds; more of them than these are not worth having. */
const MOST_TRIES = 40;

/**
 * ε where with probability `failure` at most the run was none of these mechanisms, on either of two neighbours. With P, Q the
 * outcomes of the mechanisms and P′, Q′ those of the run, P′(S) ≤ P(S) + f ≤ e^ε·Q(S) + δ′ + f ≤ e^ε·Q′(S) + δ′ + (1 + e^ε)·f:
 * ε holds at δ where the mechanisms have it at δ′ = δ − (1 + e^ε)·f.
 */
export function withFailure(answer: (delta: number) => EpsilonReport, delta: number, failure: number): EpsilonReport {
  if (failure === 0) return answer(delta);
  let tried = 0;
  for (let i = 0; i < MOST_TRIES; i++) {
    const left = (delta - (1 + Math.exp(tried)) * failure) * (1 - 2 ** -50);
    if (!(left > 0)) break;
    const { lower, ...found } = answer(left);
    if (found.epsilon <= tried) return found;
    tried = found.epsilon + Math.max(1e-6, i * i * 1e-3) * (1 + found.epsilon);
  }
  return { epsilon: Number.POSITIVE_INFINITY };
}
