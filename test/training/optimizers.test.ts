/** Optimizers within sessions and runs: what they know of the noise, and what a checkpoint keeps of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adagrad, dpAdamBC } from "../../src/optimizers/index.js";
import type { Tensors } from "../../src/training/tensors.js";
import { flat, makeBatch, makeSession } from "./sessions.js";
import { runTiny, temporaryFolder, tinyConfig } from "./tiny.js";

const empty = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };
const batch = makeBatch(8, 6, 3);
const slot = (slots: readonly Tensors[], index: number) => flat(slots[index] as Tensors);

describe("AdaGrad", () => {
  it("starts its sums where it is told", async () => {
    const optimizer = adagrad({ learningRate: 0.1, initialAccumulator: 0.25 });
    using session = makeSession([6, 3], { optimizer });
    expect(new Set(slot(session.optimizerState().slots, 0))).toEqual(new Set([0.25]));
    const gradients = flat((await session.clippedSum(batch)).sums).map((sum) => sum / 8);
    await session.step(batch);
    const sums = slot(session.optimizerState().slots, 0);
    for (const [i, g] of gradients.entries()) expect(sums[i]).toBeCloseTo(0.25 + g * g, 6);
  });
});

describe("DP-AdamBC", () => {
  const privacy = { noiseMultiplier: 2, expectedBatchSize: 8 };
  const betas = [0.5, 0.9] as const;
  const optimizer = dpAdamBC({ learningRate: 0.01, betas });
  const clipping = { function: "abadi", style: "flat", threshold: 3 } as const;
  const variance = (noiseMultiplier: number, threshold: number) => ((noiseMultiplier * threshold) / 8) ** 2;
  const advanced = (phi: number, now: number) => phi + 0.1 * (now - phi);

  it("averages the variance of the noise of each step, whatever schedules make of it", async () => {
    using session = makeSession([6, 100, 3], { optimizer, privacy, clipping });
    let phi = 0;
    for (const [sigma, factor] of [
      [2, 1],
      [1, 1],
      [2, 0.5],
      [0, 1],
    ] as const) {
      await session.step(empty, { noiseMultiplier: sigma, thresholdFactor: factor });
      phi = advanced(phi, variance(sigma, 3 * factor));
      expect(session.optimizerState().shared?.[0]).toBeCloseTo(phi, 12);
    }
    const squares = slot(session.optimizerState().slots, 1);
    const mean = squares.reduce((sum, value) => sum + value, 0) / squares.length;
    // The last of three squares weighs 0.1 of Φ; each has a relative deviation of √2.
    expect(Math.abs(mean / phi - 1)).toBeLessThan(6 * Math.sqrt(2 / squares.length));
  });

  it("counts, under a mask, what each coordinate had of it", async () => {
    using session = makeSession([6, 30, 3], { optimizer, privacy, clipping, sparsification: { rate: 0.5 } });
    let want: number[] = flat(session.parameters()).map(() => 0);
    for (const refresh of [0, 1, 2, 3]) {
      session.setSparsification({ refresh, rate: 0.5 });
      const before = slot(session.optimizerState().slots, 0);
      await session.step(empty);
      const { slots, shared } = session.optimizerState();
      expect(shared).toEqual([]);
      // With noise alone, a coordinate was dropped where its mean gradient just faded.
      const noisy = slot(slots, 0).map((mean, i) => Math.abs(mean - 0.5 * (before[i] as number)) > 1e-6);
      want = want.map((phi, i) => advanced(phi, noisy[i] ? variance(2, 3) : 0));
      const got = slot(slots, 2);
      for (const [i, phi] of want.entries()) expect(got[i]).toBeCloseTo(phi, 5);
      expect(noisy.filter((is) => is)).toHaveLength(Math.ceil(noisy.length / 2));
    }
  });

  it("is Adam with a floor under the root where there is no noise", async () => {
    using session = makeSession([6, 3], { optimizer: dpAdamBC({ learningRate: 0.1, floor: 1e-4 }) });
    const before = flat(session.parameters());
    const gradients = flat((await session.clippedSum(batch)).sums).map((sum) => sum / 8);
    await session.step(batch);
    const after = flat(session.parameters());
    for (const [i, g] of gradients.entries()) {
      expect(after[i]).toBeCloseTo((before[i] as number) - (0.1 * g) / Math.sqrt(Math.max(g * g, 1e-4)), 5);
    }
  });

  it("goes on from its state, and refuses another's", async () => {
    const options = { optimizer, privacy, clipping };
    using session = makeSession([6, 3], options);
    await session.step(batch);
    const [parameters, state] = [session.parameters(), session.optimizerState()];
    await session.step(batch);
    using other = makeSession([6, 3], options);
    other.loadParameters(parameters);
    other.loadOptimizerState(state);
    await other.step(batch);
    expect(flat(other.parameters())).toEqual(flat(session.parameters()));
    expect(() => other.loadOptimizerState({ ...state, shared: [] })).toThrow(
      "optimizer state: shared: got an array of 0, expected an array of 1",
    );
    expect(() => other.loadOptimizerState({ ...state, shared: [-1] })).toThrow("optimizer state: shared[0] must be");
  });
});

describe("a run", () => {
  const model = (out: string) => readFileSync(join(out, "checkpoint.safetensors"));

  it.each([
    [{ type: "adagrad", learningRate: 0.1, initialAccumulator: 0.1 }, undefined],
    [{ type: "dpAdamBC", learningRate: 0.01 }, undefined],
    [
      { type: "dpAdamBC", learningRate: 0.01 },
      { rate: 0.5, refreshesPerEpoch: 2 },
    ],
  ])("goes on after an interruption to the bit: %j, %j", async (optimizer, sparsification) => {
    const [whole, parts] = [join(temporaryFolder(), "whole"), join(temporaryFolder(), "parts")];
    const noiseSchedule = { type: "linear", final: 0.5 };
    const privacy = { noiseMultiplier: 1, delta: 1e-5, datasetSize: 200, noiseSchedule };
    const config = tinyConfig({ optimizer, sparsification, privacy, seed: 5 });
    await runTiny(config, whole);
    await runTiny(config, parts, { stopAfter: 13 });
    await runTiny(config, parts, { resume: true });
    expect(model(parts).equals(model(whole))).toBe(true);
  });
});
