/** What discrete noise costs: its distance from rounded Gaussian noise, and ε, against sums over all integers. */
import { describe, expect, it, test } from "vitest";
import { accountantNames, makeAccountant } from "../../src/privacy/accountant.js";
import { gradientNoiseMultiplier } from "../../src/privacy/adaptive-threshold.js";
import { calibrateNoise } from "../../src/privacy/calibrate.js";
import { totalVariation } from "../../src/privacy/discrete-gaussian.js";

const UNITS = 2 ** 30;

/** P(x) of the discrete Gaussian and of the rounded continuous one, over `reach` integers on either side. */
function distributions(deviation: number, reach = Math.ceil(12 * deviation) + 12) {
  const integers = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const weights = integers.map((x) => Math.exp(-((x / deviation) ** 2) / 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    integers,
    discrete: weights.map((weight) => weight / total),
    rounded: integers.map((x) => massAround(x, deviation)),
  };
}

/** ∫ of the normal density over [x − ½, x + ½], by 8 Gauss–Legendre points. */
function massAround(x: number, deviation: number): number {
  const nodes = [0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363];
  const weights = [0.362683783378362, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763];
  const density = (at: number) => Math.exp(-((at / deviation) ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));
  return nodes.reduce(
    (sum, node, i) => sum + ((weights[i] as number) / 2) * (density(x + node / 2) + density(x - node / 2)),
    0,
  );
}

test.each([1.5, 2, 3, 5, 8, 20])("the divergence of a coordinate is below 1/(32 σ⁴): σ = %d", (deviation) => {
  const { discrete, rounded } = distributions(deviation);
  const divergence = rounded.reduce((sum, r, i) => sum + (r > 0 ? r * Math.log(r / (discrete[i] as number)) : 0), 0);
  const variation = rounded.reduce((sum, r, i) => sum + Math.abs(r - (discrete[i] as number)), 0) / 2;
  expect(divergence).toBeLessThan(1 / (32 * deviation ** 4));
  expect(divergence).toBeGreaterThan(1 / (600 * deviation ** 4));
  // As the accountants bound it, on a grid of that deviation.
  const row = { samplingRate: 1, noiseMultiplier: 1, discreteCoordinates: 1, steps: 1 };
  expect(variation).toBeLessThan((totalVariation([row]) * UNITS ** 2) / deviation ** 2);
});

test("gradients and counts of adaptive thresholds together are within what is claimed at σ for all coordinates", () => {
  const parameters = 3;
  for (const groups of [1, 2, 50]) {
    for (const noiseMultiplier of [0.01, 0.7, 20]) {
      for (const share of [1.0001, 1.1, 3, 1e4]) {
        const countNoise = (share * noiseMultiplier * Math.sqrt(groups)) / 2;
        const ofGradients = gradientNoiseMultiplier(noiseMultiplier, countNoise, groups);
        const divergence = parameters / 32 / (ofGradients * UNITS) ** 4 + groups / 32 / (2 * countNoise * UNITS) ** 4;
        const row = { samplingRate: 1, noiseMultiplier, discreteCoordinates: parameters + groups, steps: 7 };
        expect(totalVariation([row])).toBeGreaterThanOrEqual(Math.sqrt((7 * divergence) / 2));
      }
    }
  }
});

/** δ at ε of one step on one coordinate that the example moves by `shift`: Σ max(0, P(x) − e^ε P(x − shift)). */
function exactDelta(deviation: number, shift: number, epsilon: number): number {
  const { discrete } = distributions(deviation);
  return discrete.reduce((sum, p, i) => sum + Math.max(0, p - Math.exp(epsilon) * (discrete[i + shift] ?? 0)), 0);
}

test("the discrete mechanism's exact δ is within what is claimed", () => {
  const [deviation, shift] = [6, 5];
  const continuous = makeAccountant("prv");
  continuous.step({ samplingRate: 1, noiseMultiplier: deviation / shift });
  const variation = 1 / (8 * deviation ** 2);
  for (const delta of [1e-2, 1e-3, 1e-4]) {
    const epsilon = continuous.epsilon(delta);
    expect(exactDelta(deviation, shift, epsilon)).toBeLessThan(delta + (1 + Math.exp(epsilon)) * variation);
  }
});

describe("ε with discrete noise", () => {
  const continuous = { samplingRate: 0.01, noiseMultiplier: 1 };
  const discrete = { ...continuous, discreteCoordinates: 26_010 };

  test.each(accountantNames)("is hardly above, and never below, that with continuous noise: %s", (name) => {
    const [with_, without] = [makeAccountant(name), makeAccountant(name)];
    with_.step(discrete, 2000);
    without.step(continuous, 2000);
    for (const delta of [1e-3, 1e-5, 1e-9]) {
      expect(with_.epsilon(delta)).toBeGreaterThanOrEqual(without.epsilon(delta));
      expect(with_.epsilon(delta)).toBeLessThan(without.epsilon(delta) + 1e-3);
      expect(with_.epsilonAfter(discrete, 0, delta)).toBe(with_.epsilon(delta));
    }
    expect(with_.report(1e-5).lower).toBeUndefined();
  });

  it("sets aside more of δ where the variation asks for it", () => {
    const accountant = makeAccountant("rdp");
    accountant.step({ samplingRate: 0.01, noiseMultiplier: 0.5, discreteCoordinates: 1e9 }, 100_000);
    const plain = makeAccountant("rdp");
    plain.step({ samplingRate: 0.01, noiseMultiplier: 0.5 }, 100_000);
    const shares = [1e-3, 1e-5].map((delta) => accountant.epsilon(delta) / plain.epsilon(delta));
    for (const share of shares) expect(share === Number.POSITIVE_INFINITY || share >= 1).toBe(true);
  });

  it("is Infinity where the variation outweighs δ, or the grid is too coarse to say", () => {
    const accountant = makeAccountant("rdp");
    expect(accountant.epsilonAfter({ ...discrete, noiseMultiplier: 0.05 }, 100_000, 1e-5)).toBe(Infinity);
    expect(accountant.epsilonAfter({ ...discrete, noiseMultiplier: 2 ** -21 }, 1, 0.5)).toBe(Infinity);
  });

  it("counts both kinds side by side, and tells their steps apart", () => {
    const accountant = makeAccountant("rdp");
    accountant.step(continuous, 10);
    accountant.step(discrete, 10);
    accountant.step(discrete, 5);
    expect(accountant.steps()).toEqual([
      { ...continuous, steps: 10 },
      { ...discrete, steps: 15 },
    ]);
    const all = makeAccountant("rdp");
    all.step(continuous, 25);
    expect(accountant.epsilon(1e-5)).toBeGreaterThanOrEqual(all.epsilon(1e-5));
    expect(accountant.epsilon(1e-5)).toBeLessThan(all.epsilon(1e-5) + 1e-4);
  });

  it("is what noise is calibrated for", () => {
    const target = { samplingRate: 0.01, steps: 2000, epsilon: 2, delta: 1e-5 };
    const noiseMultiplier = calibrateNoise({ ...target, discreteCoordinates: 26_010 }, "rdp");
    expect(noiseMultiplier).toBeGreaterThanOrEqual(calibrateNoise(target, "rdp"));
    const accountant = makeAccountant("rdp");
    accountant.step({ samplingRate: 0.01, noiseMultiplier, discreteCoordinates: 26_010 }, 2000);
    expect(accountant.epsilon(1e-5)).toBeLessThanOrEqual(2);
  });

  test.each([0, 1.5, -1, Number.NaN])("coordinates are a whole number: %d", (discreteCoordinates) => {
    expect(() => makeAccountant().step({ ...continuous, discreteCoordinates })).toThrow(
      /discreteCoordinates must be an integer/,
    );
  });
});
