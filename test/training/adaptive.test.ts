/** Thresholds that follow a private quantile, thresholds and noise by the step, in sessions. */
import { describe, expect, it } from "vitest";
import { gradientNoiseMultiplier } from "../../src/privacy/adaptive-threshold.js";
import type { ClippingConfig } from "../../src/privacy/sensitivity.js";
import type { Batch } from "../../src/training/batch.js";
import type { Session } from "../../src/training/session.js";
import { strategies } from "../gradients/sessions.js";
import { type Changes, flat, makeBatch, makeSession } from "./sessions.js";

const WIDTHS = [6, 5, 3] as const;
const quiet = { learningRate: 1e-6 };
const empty: Batch = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };

const clipping = (adaptive: ClippingConfig["adaptive"], more: Partial<ClippingConfig> = {}): ClippingConfig => ({
  function: "abadi",
  style: "flat",
  threshold: 0.7,
  adaptive,
  ...more,
});

/** A session whose counts have next to no noise, and whose gradients have none. */
const exact = (more: Partial<ClippingConfig> = {}, changes: Changes = {}): Session =>
  makeSession(WIDTHS, {
    clipping: clipping({ countNoise: 1e-9, quantile: 0.6, learningRate: 0.3 }, more),
    privacy: { noiseMultiplier: 0, expectedBatchSize: 10 },
    ...changes,
  });

/** c̃ of the norms of a batch, by group. */
async function shares(session: Session, batch: Batch, thresholds: readonly number[]): Promise<number[]> {
  const { squaredNorms, losses } = await session.perExampleGradients(batch);
  return thresholds.map((threshold, group) => {
    const squares = Array.from(squaredNorms.subarray(group * batch.size, (group + 1) * batch.size));
    const sides: number[] = squares.map((square, b) => {
      if (!Number.isFinite(square + (losses[b] as number))) return 0;
      return Math.sqrt(square) <= threshold ? 0.5 : -0.5;
    });
    return 0.5 + sides.reduce((sum, side) => sum + side, 0) / 10;
  });
}

const deviation = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe("adaptive thresholds", () => {
  it.each(strategies)("follow the formula: %s", async (strategy) => {
    for (const style of ["flat", "per-layer", "per-parameter"] as const) {
      using session = exact({ style }, { strategy });
      const batch = makeBatch(12, 6, 3);
      for (let step = 0; step < 3; step++) {
        const before = session.thresholds();
        const expected = await shares(session, batch, before);
        const statistics = await session.step(batch, quiet);
        expect(statistics.thresholds).toEqual(before);
        expect(statistics.threshold).toBeCloseTo(Math.hypot(...before), 12);
        session.thresholds().forEach((threshold, group) => {
          const share = expected[group] as number;
          expect(threshold).toBeCloseTo((before[group] as number) * Math.exp(-0.3 * (share - 0.6)), 6);
        });
      }
    }
  });

  it("divide by the expected batch size, count over slices, and leave bad examples on neither side", async () => {
    using session = exact();
    const batch = makeBatch(7, 6, 3);
    batch.inputs[2 * 6 + 1] = Number.NaN;
    const expected = await shares(session, batch, [0.7]);
    const half = (from: number, to: number): Batch => ({
      inputs: batch.inputs.subarray(from * 6, to * 6),
      targets: batch.targets.subarray(from, to),
      size: to - from,
    });
    const { leftOut } = await session.step([half(0, 4), half(4, 7)], quiet);
    expect(leftOut).toBe(1);
    expect(session.thresholds()[0]).toBeCloseTo(0.7 * Math.exp(-0.3 * ((expected[0] as number) - 0.6)), 6);
    const now = session.thresholds()[0] as number;
    await session.step(empty, quiet);
    expect(session.thresholds()[0]).toBeCloseTo(now * Math.exp(-0.3 * (0.5 - 0.6)), 6);
  });

  it("come to the quantile", async () => {
    using session = exact({ threshold: 40 }, { privacy: { noiseMultiplier: 0, expectedBatchSize: 50 } });
    const batch = makeBatch(50, 6, 3);
    for (let step = 0; step < 120; step++) await session.step(batch, quiet);
    const { within } = await session.step(batch, quiet);
    expect((within[0] as number) / 50).toBeCloseTo(0.6, 1);
  });

  it("take noise of deviation σ_b on the counts, fresh with every step and group", async () => {
    const adaptive = { countNoise: 3, learningRate: 0.2, quantile: 0.5 };
    using session = makeSession(WIDTHS, {
      clipping: clipping(adaptive, { style: "per-layer" }),
      privacy: { noiseMultiplier: 1, expectedBatchSize: 40 },
      seed: null,
    });
    const noise: number[] = [];
    for (let step = 0; step < 1000; step++) {
      const before = session.thresholds();
      await session.step(empty, { learningRate: 1e-3 }); // less may leave a parameter where it is, which is an error
      session.thresholds().forEach((threshold, group) => {
        noise.push((-Math.log(threshold / (before[group] as number)) / 0.2) * 40);
      });
    }
    expect(Math.abs(deviation(noise) / 3 - 1)).toBeLessThan(0.1); // 2,000 samples: five standard errors are 8 %
    expect(new Set(noise.map((value) => value.toFixed(5))).size).toBeGreaterThan(1900);
  });

  it("leave the gradients noise of σ_g·S at the thresholds in force", async () => {
    const { threshold } = clipping({});
    using session = makeSession([60, 200, 10], {
      clipping: clipping({ countNoise: 0.8, learningRate: 1 }, { maxWeight: 2 }),
      privacy: { noiseMultiplier: 1.2, expectedBatchSize: 1 },
      seed: null,
    });
    for (let step = 0; step < 3; step++) {
      const before = flat(session.parameters());
      const { thresholds } = await session.step(empty, { learningRate: 1 });
      const moved = flat(session.parameters()).map((value, i) => value - (before[i] as number));
      const expected = gradientNoiseMultiplier(1.2, 0.8, 1) * (thresholds[0] as number) * 2;
      expect(Math.abs(deviation(moved) / expected - 1)).toBeLessThan(0.04); // 14,210 samples
      if (step === 0) expect(thresholds[0]).toBe(threshold);
      else expect(thresholds[0]).not.toBe(threshold);
    }
  });

  it("go on from a checkpoint, and repeat with a seed", async () => {
    const make = (): Session =>
      makeSession(WIDTHS, {
        clipping: clipping({ countNoise: 2 }),
        privacy: { noiseMultiplier: 1, expectedBatchSize: 8 },
      });
    const batch = makeBatch(8, 6, 3);
    using whole = make();
    for (let step = 0; step < 4; step++) await whole.step(batch);
    using first = make();
    for (let step = 0; step < 2; step++) await first.step(batch);
    using second = make();
    second.loadParameters(first.parameters());
    second.loadOptimizerState(first.optimizerState());
    second.loadThresholds(first.thresholds());
    for (let step = 0; step < 2; step++) await second.step(batch);
    expect(second.thresholds()).toEqual(whole.thresholds());
    expect(flat(second.parameters())).toEqual(flat(whole.parameters()));
    expect(() => second.loadThresholds([1, 2])).toThrow("thresholds: got an array of 2, expected an array of 1");
    expect(() => second.loadThresholds([0])).toThrow("thresholds[0] must be a number in [1e-20, 1e20], got 0");
  });

  it.each<[string, Changes, RegExp]>([
    [
      "counts that spend all",
      { clipping: clipping({ countNoise: 0.5 }), privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } },
      /clipping\.adaptive\.countNoise: got 0\.5, allowed: a number above 0\.5/,
    ],
    [
      "the default for a batch so small",
      { clipping: clipping({}), privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } },
      /countNoise: got 0\.4, allowed/,
    ],
    ["strategy none", { clipping: clipping({ countNoise: 2 }), strategy: "none" }, /strategy 'none' takes no norms/],
    ["other functions", { clipping: clipping({}, { function: "autoV" }) }, /only with "function": "abadi"/],
  ])("refuse %s", (_, changes, message) => {
    expect(() => makeSession(WIDTHS, changes)).toThrow(message);
  });

  it("refuse a schedule beside them, and noise of a step that the counts use up", async () => {
    using session = makeSession(WIDTHS, {
      clipping: clipping({ countNoise: 2 }),
      privacy: { noiseMultiplier: 1, expectedBatchSize: 8 },
    });
    await expect(session.step(empty, { thresholdFactor: 2 })).rejects.toThrow(/adaptive thresholds follow no schedule/);
    await expect(session.step(empty, { noiseMultiplier: 4 })).rejects.toThrow(
      /countNoise: got 2, allowed: a number above 2/,
    );
  });
});

describe("thresholds and noise by the step", () => {
  it("clips to the step's thresholds and goes back", async () => {
    using session = makeSession(WIDTHS, {
      clipping: { function: "autoV", style: "per-layer", threshold: 1 },
      privacy: { noiseMultiplier: 0, expectedBatchSize: 1 },
    });
    const batch = makeBatch(1, 6, 3);
    const moves: number[] = [];
    for (const thresholdFactor of [1, 0.5, 3, 1]) {
      const before = flat(session.parameters());
      const { threshold } = await session.step(batch, { learningRate: 1, thresholdFactor });
      expect(threshold).toBeCloseTo(thresholdFactor, 12);
      moves.push(Math.hypot(...flat(session.parameters()).map((value, i) => value - (before[i] as number))));
    }
    for (const [i, factor] of [1, 0.5, 3, 1].entries()) expect(moves[i]).toBeCloseTo(factor, 4);
    const { sums } = await session.clippedSum(batch);
    expect(Math.hypot(...flat(sums))).toBeCloseTo(1, 4);
  });

  it("adds noise of σ_t·S_t", async () => {
    using session = makeSession([60, 200, 10], {
      clipping: { function: "abadi", style: "flat", threshold: 0.5, maxWeight: 3 },
      privacy: { noiseMultiplier: 1, expectedBatchSize: 2 },
      seed: null,
    });
    for (const [noiseMultiplier, thresholdFactor] of [
      [1, 1],
      [2, 1],
      [0.5, 4],
    ] as const) {
      const before = flat(session.parameters());
      await session.step(empty, { learningRate: 1, noiseMultiplier, thresholdFactor });
      const moved = flat(session.parameters()).map((value, i) => value - (before[i] as number));
      const expected = (noiseMultiplier * thresholdFactor * 0.5 * 3) / 2;
      expect(Math.abs(deviation(moved) / expected - 1)).toBeLessThan(0.04);
    }
  });

  it.each([
    [{ thresholdFactor: 0 }, /thresholdFactor must be a number in \(0, 1000000000000000\], got 0/],
    [{ thresholdFactor: Number.NaN }, /thresholdFactor must be/],
    [{ noiseMultiplier: -1 }, /noiseMultiplier must be a number in \[0, 1000000000000000\], got -1/],
  ])("refuses %j", async (options, message) => {
    using session = makeSession(WIDTHS);
    await expect(session.step(empty, options)).rejects.toThrow(message);
  });
});

describe("weights", () => {
  const weighted = (weights: number[], maxWeight?: number) => {
    const session = makeSession(WIDTHS, {
      clipping: { function: "abadi", style: "flat", threshold: 1, ...(maxWeight === undefined ? {} : { maxWeight }) },
    });
    return session.clippedSum({ ...makeBatch(weights.length, 6, 3), weights: Float32Array.from(weights) });
  };

  it.each<[number[], number | undefined, string]>([
    [[1, 1.5], undefined, "batch.weights[1]: got 1.5, expected a number from 0 to clipping.maxWeight, 1"],
    [[-0.5, 1], 2, "batch.weights[0]: got -0.5, expected a number from 0 to clipping.maxWeight, 2"],
    [[1, Number.NaN], 2, "batch.weights[1]: got NaN"],
    [[Number.POSITIVE_INFINITY, 1], 2, "batch.weights[0]: got Infinity"],
  ])("refuses %j with maxWeight %s before anything runs", async (weights, maxWeight, message) => {
    await expect(weighted(weights, maxWeight)).rejects.toThrow(message);
  });

  it("takes the largest weight as float32 holds it", async () => {
    await expect(weighted([0.1, 0], 0.1)).resolves.toBeDefined();
  });

  it("refuses arrays that are none, and batches without weights where 1 is too many", async () => {
    using session = makeSession(WIDTHS, {
      clipping: { function: "abadi", style: "flat", threshold: 1, maxWeight: 0.5 },
    });
    const batch = makeBatch(2, 6, 3);
    await expect(session.clippedSum(batch)).rejects.toThrow(
      "batch.weights: got nothing, expected Float32Array of 2: without weights each example counts 1, more than clipping.maxWeight 0.5 allows",
    );
    await expect(session.clippedSum({ ...batch, weights: new Float32Array(3) })).rejects.toThrow(
      "batch.weights: got Float32Array of 3, expected Float32Array of 2",
    );
    await expect(session.clippedSum({ ...batch, weights: [1, 1] as never })).rejects.toThrow(
      "batch.weights: got an array of 2",
    );
  });

  it("goes with its examples through slices", async () => {
    const batch = makeBatch(600, 6, 3);
    const weights = Float32Array.from({ length: 600 }, (_, i) => (i % 7) / 6);
    const options: Changes = { clipping: { function: "autoV", style: "flat", threshold: 1 }, threads: 1 };
    using one = makeSession(WIDTHS, { ...options, chunkSize: 1 });
    expect(one.sliceSize).toBeLessThan(600);
    const cut = flat((await one.clippedSum({ ...batch, weights })).sums);
    const total = new Array<number>(cut.length).fill(0);
    for (let b = 0; b < 600; b++) {
      const example = {
        inputs: batch.inputs.subarray(b * 6, b * 6 + 6),
        targets: batch.targets.subarray(b, b + 1),
        size: 1,
      };
      flat((await one.clippedSum(example)).sums).forEach((value, i) => {
        total[i] = (total[i] as number) + value * (weights[b] as number);
      });
    }
    for (const [i, value] of total.entries()) expect(cut[i]).toBeCloseTo(value, 3);
  });
});
