/** Noise in whole numbers: what it goes with, that sums are exact, one example's reach, and whole runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { crossEntropy } from "../../src/losses/index.js";
import { mnistCnn } from "../../src/models/index.js";
import { sgd } from "../../src/optimizers/index.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { spentOf } from "../../src/privacy/ledger-compose.js";
import { type ClippingConfig, sensitivity } from "../../src/privacy/sensitivity.js";
import type { Batch } from "../../src/training/batch.js";
import { planRun } from "../../src/training/prepare.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { createSession } from "../../src/training/session.js";
import type { SessionOptions } from "../../src/training/session-options.js";
import { planTraining } from "../../src/training/training-plan.js";
import { type Changes, disposedSessions, flat, largestDifference, makeBatch } from "./sessions.js";
import { runTiny, temporaryFolder, tinyConfig } from "./tiny.js";

const WIDTHS = [6, 5, 4, 3] as const;
const { session, keep } = disposedSessions(WIDTHS);
const discrete = { noiseMultiplier: 1, expectedBatchSize: 8, noise: "discrete" } as const;
const abadi: ClippingConfig = { function: "abadi", style: "flat", threshold: 0.7 };
const nothing: Batch = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };

const make = (changes: Changes = {}) => session({ privacy: discrete, strategy: "fused", clipping: abadi, ...changes });

async function sumOf(changes: Changes, batch: Batch): Promise<number[]> {
  return flat((await make(changes).clippedSum(batch)).sums);
}

function reversed({ inputs, targets, size }: Batch): Batch {
  const rows = Array.from({ length: size }, (_, row) => Array.from(inputs.subarray(row * 6, row * 6 + 6)));
  return { inputs: Float32Array.from(rows.reverse().flat()), targets: (targets as Int32Array).slice().reverse(), size };
}

describe("sums in whole numbers", () => {
  const batch = makeBatch(600, 6, 3);

  it("are those of floats, to the grid", async () => {
    for (const strategy of ["naive", "materialize", "fused"] as const) {
      const whole = await sumOf({ strategy }, batch);
      const floats = flat((await session({ clipping: abadi, strategy }).clippedSum(batch)).sums);
      whole.forEach((value, i) => {
        expect(Math.abs(value - (floats[i] ?? Number.NaN))).toBeLessThan(1e-5 * (1 + Math.abs(value)));
      });
    }
  });

  it("are the same to the bit in any order, under any strategy, on any number of threads, in any chunks", async () => {
    const expected = await sumOf({ strategy: "naive", threads: 1 }, batch);
    expect(await sumOf({ strategy: "naive", threads: 1 }, reversed(batch))).toEqual(expected);
    for (const threads of [2, 3, 7]) expect(await sumOf({ threads }, batch)).toEqual(expected);
    expect(await sumOf({ strategy: "materialize", chunkSize: 64 }, reversed(batch))).toEqual(expected);
    expect(await sumOf({ threads: 2, deterministic: true }, reversed(batch))).toEqual(expected);
  });

  it("of convolutions come back in PyTorch's order", async () => {
    const sums = async (more: Pick<SessionOptions, "privacy">) => {
      const options = { loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), seed: 3, ...more };
      const one = keep(createSession(mnistCnn(), { ...options, strategy: "fused" }));
      return flat((await one.clippedSum(makeBatch(20, 784, 10))).sums);
    };
    const floats = await sums({});
    const whole = await sums({ privacy: discrete });
    expect(largestDifference(whole, floats)).toBeLessThan(1e-5);
    expect(Math.hypot(...whole)).toBeGreaterThan(0.1);
  });

  it("step alike on any number of threads: the noise is the same too", async () => {
    const stepped = async (threads: number) => {
      const one = make({ strategy: "naive", threads });
      await one.step(batch);
      await one.step(nothing);
      return flat(one.parameters());
    };
    expect(await stepped(5)).toEqual(await stepped(1));
  });
});

describe("one example", () => {
  const hostile = [
    [0, 0, 0, 0, 0, 0],
    [1e-30, 0, 0, 0, 0, 0],
    [1e3, -1e3, 1e3, -1e3, 1e3, -1e3],
    [1e30, 0, 0, 0, 0, 1],
    [3e38, 3e38, 3e38, 3e38, 3e38, 3e38],
    [Number.NaN, 0, 0, 0, 0, 0],
    [0, Number.POSITIVE_INFINITY, 0, 0, 0, 0],
  ];
  const configs: ClippingConfig[] = [
    abadi,
    { function: "autoS", style: "per-layer", threshold: 1e-3 },
    { function: "autoV", style: "per-parameter", threshold: 30, maxWeight: 7 },
    { function: "psac", r: 0.1, style: "flat", threshold: 1, maxWeight: 0.3 },
    { function: "abadi", style: "per-layer", threshold: 1, thresholds: [1e-3, 30, 0.5] },
  ];
  test.each(configs)("moves the sum by at most S: $function, $style", async (clipping) => {
    const weight = clipping.maxWeight ?? 1;
    const others = { ...makeBatch(3, 6, 3), weights: new Float32Array(3).fill(weight) };
    const one = make({ clipping });
    const without = flat((await one.clippedSum(others)).sums);
    for (const record of hostile) {
      const inputs = Float32Array.from([...others.inputs, ...record]);
      const weights = new Float32Array(4).fill(weight);
      const batch = { inputs, targets: Int32Array.from([0, 1, 2, 1]), size: 4, weights };
      const moved = flat((await one.clippedSum(batch)).sums).map((value, i) => value - (without[i] ?? Number.NaN));
      // The sums are float32 by now: a few units of 2⁻²⁴ of what they were.
      expect(Math.hypot(...moved)).toBeLessThanOrEqual(sensitivity(clipping) * (1 + 1e-6));
    }
  });

  it("that is weighted with 0 moves nothing", async () => {
    const batch = makeBatch(4, 6, 3);
    const weighted = { ...batch, weights: Float32Array.of(0, 0, 0, 0) };
    expect((await sumOf({}, weighted)).every((value) => value === 0)).toBe(true);
  });
});

describe.each([undefined, "rows", "columns"] as const)("sparsified sums, structured: %s", (structured) => {
  const sparsification = { rate: 0.6, structured };
  const batch = makeBatch(200, 6, 3);
  const strategies = ["naive", "materialize", "fused"] as const;

  it("are those of floats, to the grid, and nothing of what is dropped", async () => {
    for (const strategy of strategies) {
      const whole = await sumOf({ strategy, sparsification }, batch);
      const floats = flat((await session({ clipping: abadi, strategy, sparsification }).clippedSum(batch)).sums);
      expect(largestDifference(whole, floats)).toBeLessThan(1e-4);
      const dropped = whole.filter((value) => value === 0).length;
      expect(dropped).toBeGreaterThan(0.4 * whole.length);
      expect(dropped).toBeLessThan(0.8 * whole.length);
    }
  });

  it("are the same to the bit in any order and under any strategy", async () => {
    const expected = await sumOf({ strategy: "naive", threads: 1, sparsification }, batch);
    for (const strategy of strategies) {
      expect(await sumOf({ strategy, threads: 3, sparsification }, reversed(batch))).toEqual(expected);
    }
  });

  it("move by at most S with one example, whose dropped coordinates do not count", async () => {
    const others = makeBatch(3, 6, 3);
    const one = make({ sparsification });
    const without = flat((await one.clippedSum(others)).sums);
    let moved = 0;
    for (const scale of [1e-3, 1, 1e3, 1e30]) {
      const record = [scale, -scale, scale, 0, scale, -scale];
      const inputs = Float32Array.from([...others.inputs, ...record]);
      const more = { inputs, targets: Int32Array.from([0, 1, 2, 1]), size: 4 };
      const reach = flat((await one.clippedSum(more)).sums).map((value, i) => value - (without[i] ?? Number.NaN));
      expect(Math.hypot(...reach)).toBeLessThanOrEqual(abadi.threshold * (1 + 1e-6));
      moved = Math.max(moved, Math.hypot(...reach));
    }
    expect(moved).toBeGreaterThan(0.9 * abadi.threshold); // clipped by what is kept, not left out
  });

  it("leave dropped coordinates where they are, noise and all, and move the others, as with continuous noise", async () => {
    const moved = async (noise: "gaussian" | "discrete") => {
      const one = make({ privacy: { ...discrete, noise }, sparsification });
      const before = flat(one.parameters());
      await one.step(nothing);
      return flat(one.parameters()).map((value, i) => value !== before[i]);
    };
    const whole = await moved("discrete");
    expect(whole).toEqual(await moved("gaussian"));
    expect(whole).toContain(true);
    expect(whole).toContain(false);
  });
});

describe("a step", () => {
  it("adds noise of deviation σS to every coordinate, and divides by the expected batch size", async () => {
    const wide = [120, 90, 3] as const;
    const one = session({ privacy: { ...discrete, noiseMultiplier: 2 }, strategy: "fused", clipping: abadi }, wide);
    const before = flat(one.parameters());
    await one.step(nothing);
    const deviation = (0.5 * 2 * 0.7) / 8;
    const z = flat(one.parameters()).map((value, i) => ((before[i] as number) - value) / deviation);
    const n = z.length;
    expect(n).toBeGreaterThan(11000);
    const mean = z.reduce((sum, value) => sum + value, 0) / n;
    const variance = z.reduce((sum, value) => sum + value * value, 0) / n;
    expect(Math.abs(mean) * Math.sqrt(n)).toBeLessThan(5);
    expect(Math.abs(variance - 1) * Math.sqrt(n / 2)).toBeLessThan(5);
    expect(new Set(z).size).toBeGreaterThan(0.99 * n);
  });

  it("draws other noise than the step before, and after going back", async () => {
    const one = make({ seed: null });
    const seen = new Set<string>(); // all coordinates: one alone may come again
    for (let i = 0; i < 3; i++) {
      const before = flat(one.parameters());
      await one.step(nothing);
      seen.add(
        flat(one.parameters())
          .map((value, at) => value - (before[at] as number))
          .join(),
      );
      if (i === 1) one.loadOptimizerState({ ...one.optimizerState(), step: 1 });
    }
    expect(seen.size).toBe(3);
  });

  it("goes with top-k", async () => {
    const one = make({ compression: { type: "topK", keep: 0.1, errorFeedback: true } });
    const before = flat(one.parameters());
    await one.step(makeBatch(8, 6, 3));
    const moved = flat(one.parameters()).filter((value, i) => value !== before[i]).length;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(20);
  });
});

test.each<[string, Partial<SessionOptions>, RegExp]>([
  ["the default strategy", { strategy: "auto" }, /^strategy: expected fused, materialize, naive beside discrete noise/],
  ["ghost", { strategy: "ghost" }, /^strategy: expected fused/],
  ["none", { strategy: "none" }, /strategy 'none', which does not clip/],
  ["no noise", { privacy: { ...discrete, noiseMultiplier: 0 } }, /^privacy.noiseMultiplier of discrete noise must be/],
  ["much noise", { privacy: { ...discrete, noiseMultiplier: 1e7 } }, /^privacy.noiseMultiplier of discrete noise must/],
  ["other noise", { privacy: { ...discrete, noise: "laplace" as "discrete" } }, /^privacy.noise: got .*gaussian, disc/],
  [
    "a tiny threshold",
    { clipping: { ...abadi, style: "per-layer", thresholds: [1e-15, 1, 1] } },
    /clipping: the threshold of group 0 is too small beside the others/,
  ],
])("%s is refused by name", (_, changes, message) => {
  expect(() => make(changes)).toThrow(message);
});

test("a step's own noise multiplier is checked too", async () => {
  await expect(make().step(nothing, { noiseMultiplier: 1e-9 })).rejects.toThrow(/noiseMultiplier of discrete noise/);
});

describe("a run", () => {
  const privacy = { epsilon: 20, delta: 1e-5, datasetSize: 200, noise: "discrete" };

  it("is planned as it is trained: example by example", () => {
    const config = tinyConfig({ strategy: "fused", privacy: { ...privacy } });
    expect(planRun(config).chunkSize).toBe(1);
    expect(planRun(tinyConfig({ strategy: "fused" })).chunkSize).toBeGreaterThan(1);
  });
  it("learns within its budget, says so in its files, goes on, and is no cheaper than with continuous noise", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ steps: 60, strategy: "fused", privacy });
    await runTiny(config, out, { stopAfter: 20 });
    const result = await runTiny(config, out, { resume: true });
    expect(result.stopped).toBe("finished");
    expect(result.epsilon).toBeLessThanOrEqual(20);
    const { noiseMultiplier } = result.plan;
    const continuous = makeAccountant();
    continuous.step({ samplingRate: 0.1, noiseMultiplier }, 60);
    expect(result.epsilon).toBeGreaterThanOrEqual(continuous.epsilon(1e-5));
    expect(result.epsilon).toBeLessThan(continuous.epsilon(1e-5) + 0.01);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.noise).toMatch(/discrete Gaussian/);
    expect(spentOf(readRunLedger(out))).toEqual([
      { samplingRate: 0.1, noiseMultiplier, discreteCoordinates: 172, steps: 60 },
    ]);
  });

  it("says what discrete noise costs, where that is why no ε is finite", () => {
    const noisy = { noiseMultiplier: 1.2, delta: 1e-5, datasetSize: 200, accountant: "prv" };
    const row = { samplingRate: 0.1, noiseMultiplier: 1.2, steps: 20_000 };
    const epsilon = makeAccountant().epsilonWith([row], 1e-5).toPrecision(4);
    const config = (noise: string) =>
      tinyConfig({ strategy: "fused", samplingRate: 0.1, steps: 20_000, privacy: { ...noisy, noise } });
    expect(() => planTraining(config("gaussian"), 200)).not.toThrow();
    expect(() => planTraining(config("discrete"), 200)).toThrow(
      `more than delta 0.00001 at the epsilon of continuous noise, ${epsilon}. More noise, fewer steps`,
    );
  });

  it("states what a group loses", async () => {
    const out = join(temporaryFolder(), "run");
    const group = { name: "patient", size: 2 };
    await runTiny(tinyConfig({ steps: 20, strategy: "fused", privacy: { ...privacy, epsilon: 2, group } }), out);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.group.epsilon).toBeGreaterThan(statement.epsilon);
    expect(statement.group.epsilon).toBeLessThan(20);
  });

  test.each([
    [{ strategy: "auto" }, /strategy: .*fused, materialize, naive beside discrete noise/],
    [{ strategy: "fused", privacy: { ...privacy, noise: "exact" } }, /privacy.noise: .*gaussian, discrete/],
    [{ strategy: "fused", privacy: { ...privacy, noiseMultiplier: 1e8 } }, /privacy.noise: .*must be a number in/],
  ])("is refused by its configuration: %o", async (changes, message) => {
    const train = async () => runTiny(tinyConfig({ privacy, ...changes }), join(temporaryFolder(), "run"));
    await expect(train()).rejects.toThrow(message);
  });
});
