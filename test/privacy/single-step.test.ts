/** One step has a closed form: P(L > ε) − e^ε·Q(L > ε), either way round. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalBelow } from "../../src/privacy/normal.js";
import { coarseGap, PrvAccountant } from "../../src/privacy/prv.js";

function epsilonOfStep(q: number, sigma: number, delta: number): number {
  const z = (ratio: number) => sigma * Math.log(ratio / q) + 0.5 / sigma;
  const removed = (epsilon: number) => {
    const at = z(Math.expm1(epsilon) + q);
    const sampled = normalBelow(-at);
    return (1 - q) * sampled + q * normalBelow(1 / sigma - at) - Math.exp(epsilon) * sampled;
  };
  const added = (epsilon: number) => {
    const ratio = Math.expm1(-epsilon) + q;
    if (ratio <= 0) return 0;
    const at = z(ratio);
    const below = normalBelow(at);
    return below - Math.exp(epsilon) * ((1 - q) * below + q * normalBelow(at - 1 / sigma));
  };
  return Math.max(...[removed, added].map((curve) => smallest(curve, delta)));
}

function smallest(curve: (epsilon: number) => number, delta: number): number {
  if (curve(0) <= delta) return 0;
  let [low, high] = [0, 1];
  while (curve(high) > delta) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (curve(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

const noises = fc.double({ min: -1.2, max: 1.5, noNaN: true }).map((log) => 10 ** log);
const deltas = fc.double({ min: -13, max: -0.5, noNaN: true }).map((log) => 10 ** log);
const rates = fc.oneof(
  fc.double({ min: -7, max: 0, noNaN: true }).map((log) => 10 ** log),
  fc.double({ min: -9, max: -1, noNaN: true }).map((log) => 1 - 10 ** log),
);

describe("one step", () => {
  it.each([undefined, coarseGap])("has its closed form between the bounds, at gap %s", (gap) => {
    fc.assert(
      fc.property(rates, noises, deltas, (samplingRate, noiseMultiplier, delta) => {
        const accountant = new PrvAccountant(gap);
        accountant.step({ samplingRate, noiseMultiplier });
        const { epsilon, lower } = accountant.report(delta);
        const exact = epsilonOfStep(samplingRate, noiseMultiplier, delta);
        const rounding = 1e-9 * Math.max(1, exact);
        expect(epsilon).toBeGreaterThanOrEqual(exact - rounding);
        expect(lower).toBeLessThanOrEqual(exact + rounding);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    [0.01, 0.7, 1e-6],
    [0.3, 1, 1e-12],
    [1e-4, 0.3, 1e-9],
    [0.9, 2, 1e-3],
    [0.999, 0.5, 1e-5],
    [1.2e-5, 0.6, 2.7e-13],
    [3e-6, 0.45, 1e-12],
  ])("is found to 1e-3: q %d, σ %d, δ %d", (samplingRate, noiseMultiplier, delta) => {
    const found = new PrvAccountant().epsilonAfter({ samplingRate, noiseMultiplier }, 1, delta);
    expect(found - epsilonOfStep(samplingRate, noiseMultiplier, delta)).toBeLessThanOrEqual(1e-3);
  });
});
