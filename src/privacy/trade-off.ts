/**
 * The trade-off function of a run (Dong, Roth, Su 2022): for a test of whether an example was there with false positives of
 * probability α, f(α) bounds the probability of a false negative from below. Each (ε, δ) that holds gives
 * f(α) ≥ max(0, 1 − δ − e^ε·α, e^(−ε)·(1 − δ − α)), and so does the largest of them.
 */
export interface TradeOffPoint {
  /** α: the test says that the example is there, and it is not. */
  readonly falsePositive: number;
  /** f(α): the least probability that it says the example is not there, and it is. */
  readonly falseNegative: number;
}

/** Of ε at these δ the bound is made: denser where it is steep. */
const deltas: readonly number[] = [
  ...Array.from({ length: 20 }, (_, index) => 10 ** (-10 + index / 2)),
  ...Array.from({ length: 13 }, (_, index) => 0.15 + 0.065 * index),
];

/** False positives: by half decades, then by hundredths. */
const alphas: readonly number[] = [
  0,
  ...Array.from({ length: 9 }, (_, index) => 10 ** (-6 + index / 2)),
  ...Array.from({ length: 100 }, (_, index) => (index + 1) / 100),
].filter((alpha, index, all) => index === 0 || alpha > (all[index - 1] as number));

/** The bound at about a hundred α, rising; `epsilonAt`: an ε that holds at δ, Infinity where none does. */
export function tradeOff(epsilonAt: (delta: number) => number): TradeOffPoint[] {
  const guarantees = deltas.map((delta) => ({ delta, epsilon: epsilonAt(delta) }));
  return alphas.map((alpha) => {
    const bounds = guarantees.flatMap(({ delta, epsilon }) => {
      if (!Number.isFinite(epsilon)) return [];
      return [1 - delta - Math.exp(epsilon) * alpha, Math.exp(-epsilon) * (1 - delta - alpha)];
    });
    return { falsePositive: alpha, falseNegative: Math.max(0, ...bounds) };
  });
}
