/**
 * What guesses about many records in one run show. Each of m records was in the data with probability ½, independently;
 * the auditor guesses about some of them, r, and is right about v.
 */
import binomialCdf from "@stdlib/stats-base-dists-binomial-cdf";
import type { TradeOff } from "./trade-off.js";

export interface Guesses {
  /** m ≥ 1. */
  readonly canaries: number;
  /** r, 1 … m. */
  readonly made: number;
  /** v, 0 … r. */
  readonly right: number;
}

/**
 * Whether so many right guesses come with probability below `mass` under every mechanism with this (symmetric) curve:
 * Mahloujifar, Melis, Chaudhuri, "Auditing f-Differential Privacy in One Run", 2024 (arXiv:2410.22235), algorithm 3.
 *
 * With p_i the probability of i right guesses, r_j = Σ_{i≥j} (i/m)·p_i and h_j = Σ_{i≥j} ((made − i)/m)·p_i, every j has
 * h_{j−1} ≥ g(r_j), g the inverse of 1 − f. From Σ_{i≥right} p_i = mass that takes all of h_0 + r_0 = made/m, or more
 * than there is: then the mass was too large.
 */
export function guessesRefute({ canaries, made, right }: Guesses, curve: TradeOff, mass: number): boolean {
  let r = (mass * right) / canaries;
  let h = (mass * (made - right)) / canaries;
  for (let i = right - 1; i >= 0; i--) {
    const next = Math.max(h, curve.leastBeside(r));
    if (next === h) break; // nothing can change any more
    r = Math.min(1, r + (i / (made - i)) * (next - h));
    h = next;
  }
  return r + h > made / canaries;
}

/**
 * The probability of so many right guesses, at most, under any (ε, δ)-private mechanism: Steinke, Nasr, Jagielski,
 * "Privacy Auditing with One (1) Training Run", 2023 (arXiv:2305.08846), theorem 5.2 and appendix D.
 */
export function chanceOfGuesses({ canaries, made, right }: Guesses, epsilon: number, delta: number): number {
  // By the wrong ones: P[right ≥ v] = P[wrong ≤ r − v], without cancellation.
  const wrong = 1 / (1 + Math.exp(epsilon));
  const atLeast = (count: number) => binomialCdf(made - count, made, wrong);
  const beyond = atLeast(right);
  let most = 0;
  for (let i = 1; i <= right; i++) most = Math.max(most, (atLeast(right - i) - beyond) / i);
  return Math.min(1, beyond + 2 * canaries * delta * most);
}

/** The ε below which guesses as good have a chance below `mass`; 0 where nothing was shown. */
export function epsilonOfGuesses(guesses: Guesses, delta: number, mass: number): number {
  const refuted = (epsilon: number) => chanceOfGuesses(guesses, epsilon, delta) < mass;
  if (!refuted(0)) return 0;
  let high = 1;
  while (refuted(high)) high *= 2;
  let low = high === 1 ? 0 : high / 2;
  while (high - low > 1e-6 * high) {
    const middle = (low + high) / 2;
    if (refuted(middle)) low = middle;
    else high = middle;
  }
  return low;
}
