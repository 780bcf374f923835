/** Adaptive thresholds beside noise in whole numbers: the counts' exact noise, one example's reach, ε, and whole runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import erfcx from "@stdlib/math-base-special-erfcx";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { loadBinding } from "../../src/native/load.js";
import { gradientNoiseMultiplier } from "../../src/privacy/adaptive-threshold.js";
import { discreteCounts } from "../../src/privacy/count-noise.js";
import { spentOf } from "../../src/privacy/ledger-compose.js";
import type { ClippingConfig } from "../../src/privacy/sensitivity.js";
import type { Batch } from "../../src/training/batch.js";
import { planRun } from "../../src/training/prepare.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { spyOnKeys, weightsIn } from "./derived-keys.js";
import { type Changes, disposedSessions, flat, makeBatch } from "./sessions.js";
import { runTiny, temporaryFolder, tinyConfig } from "./tiny.js";

const { session } = disposedSessions([6, 5, 4, 3]);
const empty: Batch = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };
const clipping: ClippingConfig = { function: "abadi", style: "per-layer", threshold: 0.7, adaptive: { countNoise: 3 } };
const privacy = { noiseMultiplier: 1, expectedBatchSize: 40, noise: "discrete" } as const;
const make = (changes: Changes = {}) => session({ privacy, strategy: "fused", clipping, ...changes });
const key = (seed: number) => new Uint8Array(32).fill(seed);

function drawn(deviation: number, count: number, seed: number): bigint[] {
  const samples = new BigInt64Array(count);
  loadBinding().discreteNoise(key(seed), deviation, samples);
  return [...samples];
}

afterEach(() => vi.restoreAllMocks());

describe("exact noise", () => {
  it("is the discrete Gaussian: every integer as often as its formula says", () => {
    const [deviation, count] = [3, 200_000];
    const seen = new Map<number, number>();
    for (const sample of drawn(deviation, count, 1)) seen.set(Number(sample), (seen.get(Number(sample)) ?? 0) + 1);
    const weight = (x: number) => Math.exp(-((x / deviation) ** 2) / 2);
    const total = Array.from({ length: 101 }, (_, i) => weight(i - 50)).reduce((sum, w) => sum + w, 0);
    let chiSquare = 0;
    for (let x = -9; x <= 9; x++) {
      const expected = (count * weight(x)) / total;
      chiSquare += ((seen.get(x) ?? 0) - expected) ** 2 / expected;
    }
    expect(chiSquare).toBeLessThan(60); // 19 cells: 42 at one in a thousand
    expect(Math.max(...seen.keys())).toBeGreaterThan(9);
  });

  it("has the moments of its deviation on the grid of the counts, down to the last bit", () => {
    const deviation = 6 * 2 ** 30;
    const samples = drawn(deviation, 50_000, 2);
    const scaled = samples.map((sample) => Number(sample) / deviation);
    const moment = (power: number) => scaled.reduce((sum, z) => sum + z ** power, 0) / scaled.length;
    const error = 1 / Math.sqrt(scaled.length);
    expect(Math.abs(moment(1))).toBeLessThan(5 * error);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * error * Math.SQRT2);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * error * Math.sqrt(96));
    const odd = samples.filter((sample) => sample & 1n).length / samples.length;
    expect(Math.abs(odd - 0.5)).toBeLessThan(2.5 * error);
  });

  it("repeats with its key alone", () => {
    expect(drawn(2 ** 40, 5, 3)).toEqual(drawn(2 ** 40, 5, 3));
    expect(drawn(2 ** 40, 5, 3)).not.toEqual(drawn(2 ** 40, 5, 4));
  });

  test.each<[unknown, unknown, unknown, RegExp]>([
    [new Uint8Array(31), 3, new BigInt64Array(1), /key/],
    ["key", 3, new BigInt64Array(1), /key/],
    [key(1), 0, new BigInt64Array(1), /deviation/],
    [key(1), 2.5, new BigInt64Array(1), /deviation/],
    [key(1), 2 ** 53, new BigInt64Array(1), /deviation/],
    [key(1), Number.NaN, new BigInt64Array(1), /deviation/],
    [key(1), 3, new Float64Array(1), /samples/],
    [key(1), 3, [1n], /samples/],
    [key(1), 3, undefined, /samples/],
  ])("refuses %o, %o, %o by name", (of, deviation, samples, message) => {
    const draw = loadBinding().discreteNoise as (...given: unknown[]) => void;
    expect(() => draw(of, deviation, samples)).toThrow(message);
  });
});

describe("released counts", () => {
  const release = discreteCounts((deviation, samples) => loadBinding().discreteNoise(key(9), deviation, samples));

  it("are whole numbers of 2⁻³¹, of the deviation that was asked for, rounded up", () => {
    const asked: number[] = [];
    const zero = discreteCounts((deviation, samples) => {
      asked.push(deviation);
      samples.fill(1n);
    });
    expect(zero([2.5, -7, 0], 3)).toEqual([2.5 + 2 ** -31, -7 + 2 ** -31, 2 ** -31]);
    zero([0], 0.1);
    expect(asked).toEqual([6 * 2 ** 30, Math.ceil(0.1 * 2 ** 31)]);
    for (const noisy of release([3, -0.5, 12], 4)) expect(Number.isInteger(noisy * 2 ** 31)).toBe(true);
  });

  it("move by what an example moves the count, exactly", () => {
    const [without = [], withOne = []] = [release([10, -3.5], 3), release([10.5, -4], 3)];
    expect(withOne.map((value, group) => value - (without[group] as number))).toEqual([0.5, -0.5]);
  });

  it("stay exact where float64 holds no such sums", () => {
    const far = discreteCounts((_, samples) => samples.fill(1n - 2n ** 61n)); // 2³⁰ examples are 2⁶¹ units
    expect(far([2 ** 30], 3)).toEqual([2 ** -31]);
  });
});

test("one example moves a count by one half at most, and no other example's side", async () => {
  const one = make();
  const others = makeBatch(30, 6, 3);
  const halves = async (batch: Batch) => {
    const { within, examples, leftOut } = (await one.clippedSum(batch)).statistics;
    return within.map((count) => 2 * count - (examples - leftOut));
  };
  const without = await halves(others);
  const sides = new Set<number>();
  for (const record of [
    [0, 0, 0, 0, 0, 0],
    [1e3, -1e3, 1e3, 0, 0, 1],
    [1e30, 0, 0, 0, 0, 0],
    [Number.NaN, 0, 0, 0, 0, 0],
  ]) {
    const inputs = Float32Array.from([...record, ...others.inputs]);
    const more = { inputs, targets: Int32Array.from([1, ...others.targets]), size: 31 };
    const moved = (await halves(more)).map((count, group) => count - (without[group] as number));
    for (const by of moved) {
      expect(Math.abs(by)).toBeLessThanOrEqual(1);
      sides.add(by);
    }
  }
  expect(sides).toEqual(new Set([-1, 0, 1]));
});

describe("steps", () => {
  const adaptive = { countNoise: 3, learningRate: 0.2, quantile: 0.5 };

  it("take noise of deviation σ_b on the counts, of the exact sampler and of a key of its own each", async () => {
    const keys: string[] = [];
    spyOnKeys((purpose, index, of) => purpose === "counts" && keys.push(`${index}/${of}`));
    const one = make({ clipping: { ...clipping, adaptive }, seed: null });
    const noise: number[] = [];
    for (let step = 0; step < 600; step++) {
      const before = one.thresholds();
      await one.step(empty, { learningRate: 1e-3 });
      one.thresholds().forEach((threshold, group) => {
        noise.push((-Math.log(threshold / (before[group] as number)) / 0.2) * 40);
      });
    }
    expect(noise).toHaveLength(1800);
    const variance = noise.reduce((sum, value) => sum + value ** 2, 0) / noise.length;
    expect(Math.abs(variance / 9 - 1)).toBeLessThan(5 * Math.sqrt(2 / noise.length));
    expect(new Set(keys).size).toBe(600);
    expect(new Set(keys.map((one) => one.split("/")[1])).size).toBe(600);
  });

  it("hand keys over that are overwritten", async () => {
    const draw = vi.spyOn(loadBinding(), "discreteNoise");
    const one = make();
    await one.step(empty);
    expect(draw).toHaveBeenCalledOnce();
    expect(draw.mock.calls[0]?.[0]).toEqual(new Uint8Array(32));
    expect(draw.mock.calls[0]?.[1]).toBe(6 * 2 ** 30);
  });

  it("leave the gradients discrete noise of σ_g·S at the thresholds in force", async () => {
    const one = session(
      {
        privacy: { noiseMultiplier: 1.2, expectedBatchSize: 1, noise: "discrete" },
        clipping: { function: "abadi", style: "flat", threshold: 0.7, adaptive: { countNoise: 0.8, learningRate: 1 } },
        strategy: "fused",
        seed: null,
      },
      [60, 200, 10],
    );
    for (let step = 0; step < 3; step++) {
      const before = flat(one.parameters());
      const { threshold } = await one.step(empty, { learningRate: 1 });
      const squares = flat(one.parameters()).map((value, i) => (value - (before[i] as number)) ** 2);
      const deviation = Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / squares.length);
      expect(Math.abs(deviation / (gradientNoiseMultiplier(1.2, 0.8, 1) * threshold) - 1)).toBeLessThan(0.04);
    }
    expect(one.thresholds()[0]).not.toBe(0.7);
  });

  it("learn the quantile, thresholds that drift apart included", async () => {
    const one = make({ clipping: { ...clipping, style: "per-parameter", adaptive: { ...adaptive, quantile: 0.6 } } });
    one.loadThresholds([1e-12, 40, 1e-3, 40, 40, 40]);
    const batch = makeBatch(50, 6, 3);
    await one.step(batch, { learningRate: 1e-3 });
    const before = one.thresholds();
    for (let step = 0; step < 60; step++) await one.step(batch, { learningRate: 1e-3 });
    expect(one.thresholds()[1] as number).toBeLessThan((before[1] as number) / 10);
    expect(one.thresholds().every((threshold) => threshold > 0)).toBe(true);
  });

  it("sum nothing of a group whose threshold is below half a unit of the grid", async () => {
    const one = make();
    one.loadThresholds([1e-12, 1, 1]);
    const { sums } = await one.clippedSum(makeBatch(20, 6, 3));
    const byLayer = Object.entries(sums).map(([name, { data }]) => [name, Math.hypot(...data)] as const);
    for (const [name, norm] of byLayer) expect(norm > 0, name).toBe(!name.startsWith("0."));
  });
});

test.each<[string, Changes, RegExp]>([
  [
    "counts that spend all",
    { clipping: { ...clipping, adaptive: { countNoise: 0.5 } } },
    /^clipping\.adaptive\.countNoise: got 0\.5, allowed: a number above 0\.866/,
  ],
  [
    "counts beyond the sampler",
    { clipping: { ...clipping, adaptive: { countNoise: 1e6 } } },
    /^clipping\.adaptive\.countNoise of discrete noise must be a number in \[4\.76\d+e-7, 524288\], got 1000000/,
  ],
  [
    "counts that leave the gradients too much noise",
    {
      clipping: { ...clipping, style: "flat", adaptive: { countNoise: 2 ** 18 * (1 + 1e-9) } },
      privacy: { ...privacy, noiseMultiplier: 2 ** 19 },
    },
    /^clipping\.adaptive\.countNoise: got 262144\.\d+, allowed: more\. Beside noise multiplier 524288 it leaves/,
  ],
  ["the default strategy", { strategy: "auto" }, /^strategy: expected fused, materialize, naive beside discrete noise/],
])("%s are refused by name", (_, changes, message) => {
  expect(() => make(changes)).toThrow(message);
});

test("a step's own noise multiplier is checked with the counts", async () => {
  await expect(make().step(empty, { noiseMultiplier: 4 })).rejects.toThrow(
    /countNoise: got 3, allowed: a number above 3/,
  );
});

/** Of Gaussian mechanisms that together are one of multiplier 1/μ (Balle, Wang 2018). */
function deltaOf(mu: number, epsilon: number): number {
  const below = (x: number) => (erfcx(-x / Math.SQRT2) * Math.exp((-x * x) / 2)) / 2;
  return below(mu / 2 - epsilon / mu) - Math.exp(epsilon) * below(-mu / 2 - epsilon / mu);
}

describe("a run", () => {
  const clipped = { function: "abadi", style: "per-layer", threshold: 1, adaptive: { countNoise: 4 } };
  const settings = { strategy: "fused", clipping: clipped, checkpointEvery: 5, steps: 20 };
  const sampled = { noiseMultiplier: 2, delta: 1e-5, datasetSize: 200, noise: "discrete" };

  it("states an ε that is the Gaussian mechanism's on sums and counts, and what the grid costs", async () => {
    const out = join(temporaryFolder(), "run");
    const [steps, groups, parameters] = [3, 2, 172];
    const config = tinyConfig({ ...settings, steps, samplingRate: 1, privacy: sampled });
    const { epsilon = Number.NaN } = await runTiny(config, out);
    const ofGradients = gradientNoiseMultiplier(2, 4, groups);
    const mu = Math.sqrt(steps * (ofGradients ** -2 + groups * (2 * 4) ** -2));
    expect(mu).toBeCloseTo(Math.sqrt(steps) / 2, 12);
    const divergence = parameters / 32 / (ofGradients * 2 ** 30) ** 4 + groups / 32 / (2 * 4 * 2 ** 30) ** 4;
    const variation = Math.sqrt((steps * divergence) / 2);
    const hand = (at: number) => deltaOf(mu, at) + (1 + Math.exp(at)) * variation;
    expect(hand(epsilon)).toBeLessThanOrEqual(1e-5);
    expect(hand(epsilon - 2e-3)).toBeGreaterThan(1e-5);
    expect(spentOf(readRunLedger(out))).toEqual([
      { samplingRate: 1, noiseMultiplier: 2, discreteCoordinates: parameters + groups, steps },
    ]);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.noise).toMatch(/counts of adaptive thresholds are integers too/);
    expect(statement.clipping.adaptive.noise).toEqual([{ noiseMultiplier: 2, gradientNoiseMultiplier: ofGradients }]);
    expect(statement.insideEpsilon).toContain("the thresholds of each step");
  });

  it("goes on from a checkpoint as if it had not stopped, with a seed", async () => {
    const [whole, parts] = [join(temporaryFolder(), "whole"), join(temporaryFolder(), "parts")];
    const config = tinyConfig({ ...settings, privacy: sampled, seed: 3 });
    await runTiny(config, whole);
    await runTiny(config, parts, { stopAfter: 7 });
    const resumed = await runTiny(config, parts, { resume: true });
    expect(resumed.stopped).toBe("finished");
    expect(weightsIn(parts)).toEqual(weightsIn(whole));
    const thresholds = (out: string) => {
      const [head = "", ...rows] = readFileSync(join(out, "metrics.csv"), "utf8").trim().split("\n");
      return rows.map((row) => row.split(",")[head.split(",").indexOf("threshold")]);
    };
    expect(thresholds(parts)).toEqual(thresholds(whole));
    expect(new Set(thresholds(whole)).size).toBeGreaterThan(15);
  });

  it("draws no count's noise twice when it goes on without one", async () => {
    const out = join(temporaryFolder(), "run");
    const keys: string[] = [];
    spyOnKeys((purpose, _, of) => purpose === "counts" && keys.push(of));
    const config = tinyConfig({ ...settings, privacy: sampled });
    await runTiny(config, out, { stopAfter: 7 });
    await runTiny(config, out, { resume: true });
    expect(keys).toHaveLength(20);
    expect(new Set(keys).size).toBe(20);
  });

  it("is calibrated for a target, and planned", async () => {
    const privacy = { epsilon: 5, delta: 1e-5, datasetSize: 200, noise: "discrete" };
    const config = tinyConfig({ ...settings, privacy });
    expect(planRun(config).chunkSize).toBe(1);
    const { epsilon, stopped } = await runTiny(config, join(temporaryFolder(), "run"));
    expect(stopped).toBe("finished");
    expect(epsilon).toBeLessThanOrEqual(5);
    expect(epsilon).toBeGreaterThan(4.99);
  });

  test.each([
    [{ clipping: { ...clipped, adaptive: { countNoise: 1 } } }, /countNoise: got 1, allowed: a number above 1\.414/],
    [{ clipping: { ...clipped, adaptive: { countNoise: 1e6 } } }, /countNoise of discrete noise must be a number in/],
    [{ strategy: "auto" }, /strategy: .*fused, materialize, naive beside discrete noise/],
  ])("is refused by its configuration: %o", async (changes, message) => {
    const train = async () =>
      runTiny(tinyConfig({ ...settings, privacy: sampled, ...changes }), join(temporaryFolder(), "run"));
    await expect(train()).rejects.toThrow(message);
  });
});
