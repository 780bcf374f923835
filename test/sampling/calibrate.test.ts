/** Sampling rates that a target allows, against test/fixtures/accounting/sampling.py. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { underRelation } from "../../src/privacy/relation.js";
import { calibrateSampling, type SamplingTarget } from "../../src/sampling/calibrate.js";
import { makeSampling, type SamplingConfig } from "../../src/sampling/index.js";

interface Tables {
  readonly cycles: readonly { noiseMultiplier: number; epsilon: number; delta: number; cycles: number }[];
  readonly truncated: readonly {
    noiseMultiplier: number;
    steps: number;
    examples: number;
    maxBatch: number;
    delta: number;
    samplingRate: number;
    epsilon: number;
  }[];
}

const path = new URL("../fixtures/accounting/sampling.json", import.meta.url);
const tables = JSON.parse(readFileSync(path, "utf8")) as Tables;

const epsilonOf = (config: SamplingConfig, target: SamplingTarget, samplingRate: number) => {
  const { mechanism } = makeSampling(config, { examples: target.examples, samplingRate });
  const { noiseMultiplier, steps, delta, relation } = target;
  const row = underRelation({ ...mechanism, noiseMultiplier, steps }, relation);
  return makeAccountant().epsilonWith([row], delta);
};

describe("the largest sampling rate", () => {
  it.each(tables.cycles)("is that of the shortest cycle: σ $noiseMultiplier ε $epsilon", (row) => {
    const { noiseMultiplier, epsilon, delta, cycles } = row;
    for (const steps of [1, cycles, cycles + 1, 17 * cycles - 1, 17 * cycles + 1]) {
      const cycle = Math.ceil(steps / cycles);
      const target = { examples: 1000, noiseMultiplier, steps, epsilon, delta, relation: "zero-out" as const };
      expect(calibrateSampling({ type: "ballsInBins" }, target, "rdp")).toBeLessThanOrEqual(1 / cycle);
      const size = Math.floor(1000 / cycle);
      expect(calibrateSampling({ type: "shuffle" }, target)).toBe(size / 1000);
      expect(epsilonOf({ type: "shuffle" }, target, size / 1000)).toBeLessThanOrEqual(epsilon);
      if (cycle > 1) expect(epsilonOf({ type: "shuffle" }, target, (size + 1) / 1000)).toBeGreaterThan(epsilon);
    }
  });

  it.each([
    { noiseMultiplier: 1.5, steps: 300, epsilon: 2, delta: 1e-5 },
    { noiseMultiplier: 4, steps: 5000, epsilon: 1, delta: 1e-6 },
  ])("is that of the fewest bins of random allocation: σ $noiseMultiplier ε $epsilon", (row) => {
    const target = { ...row, examples: 1000, relation: "add/remove" as const };
    const ballsInBins = { type: "ballsInBins" } as const;
    const bins = Math.round(1 / calibrateSampling(ballsInBins, target));
    // Not even one cycle on all the data would be.
    expect(() => calibrateSampling({ type: "shuffle" }, { ...target, relation: "zero-out" })).toThrow("one cycle");
    expect(epsilonOf(ballsInBins, target, 1 / bins)).toBeLessThanOrEqual(row.epsilon);
    expect(epsilonOf(ballsInBins, target, 1 / (bins - 1))).toBeGreaterThan(row.epsilon);
  });

  it("of random allocation is without amplification where an example is replaced", () => {
    const target = { examples: 1000, noiseMultiplier: 10, steps: 250, epsilon: 2, delta: 1e-5 };
    expect(calibrateSampling({ type: "ballsInBins" }, { ...target, relation: "replace-one" })).toBe(1 / 42);
  });

  it.each(tables.truncated)("of truncated batches is not above what dp-accounting's pair allows: $epsilon", (row) => {
    const { noiseMultiplier, steps, examples, maxBatch, delta, samplingRate, epsilon } = row;
    const target = { examples, noiseMultiplier, steps, epsilon, delta, relation: "zero-out" as const };
    const config = { type: "truncatedPoisson", maxBatch } as const;
    const found = calibrateSampling(config, target);
    expect(found).toBeLessThanOrEqual(samplingRate * (1 + 1e-3));
    expect(found).toBeGreaterThan(samplingRate * 0.97);
    expect(epsilonOf(config, target, found)).toBeLessThanOrEqual(epsilon);
    expect(epsilonOf(config, target, found * 1.01)).toBeGreaterThan(epsilon);
  });

  it("says what would have to change, and what is out of range", () => {
    const target = { examples: 100, noiseMultiplier: 1, steps: 50, epsilon: 0.5, delta: 1e-5 };
    const shuffle = { type: "shuffle" } as const;
    expect(() => calibrateSampling(shuffle, { ...target, relation: "zero-out" })).toThrow(
      "epsilon: 0.5 at delta 0.00001 does not allow one cycle with noise multiplier 1, however long",
    );
    expect(() => calibrateSampling(shuffle, { ...target, relation: "add/remove" })).toThrow("relation");
    const quiet = { ...target, noiseMultiplier: 20, relation: "zero-out" as const };
    expect(() => calibrateSampling(shuffle, { ...quiet, steps: 100_000 })).toThrow(
      "not even batches of 1 of 100 examples",
    );
    expect(() => calibrateSampling(shuffle, { ...quiet, examples: 0 })).toThrow("examples must be");
    expect(() => calibrateSampling({ type: "deck" } as never, quiet)).toThrow("shuffle");
    expect(() => calibrateSampling(shuffle, { ...quiet, relations: "zero-out" } as never)).toThrow("relations");
    expect(() => calibrateSampling(shuffle, null as never)).toThrow("target");
    expect(() => calibrateSampling(shuffle, { ...quiet, steps: 0.5 })).toThrow("steps must be");
  });

  it("pays for discrete noise in the steps that are taken, not in bins beyond them", () => {
    const target = {
      examples: 6e6,
      noiseMultiplier: 1,
      steps: 3000,
      delta: 1e-12,
      epsilon: 2,
      discreteCoordinates: 1e8,
    };
    const rate = calibrateSampling({ type: "ballsInBins" }, { ...target, relation: "zero-out" });
    const bins = Math.round(1 / rate);
    const row = { samplingRate: 1, noiseMultiplier: 1, bins, cycle: bins, steps: 3000, discreteCoordinates: 1e8 };
    expect(makeAccountant().epsilonWith([row], 1e-12)).toBeLessThanOrEqual(2);
  });
});
