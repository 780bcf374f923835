/** Correlated noise in sessions: what is added, masked and remembered, and what it does not go with. */
import { describe, expect, it, test } from "vitest";
import { type Correlation, type CorrelationConfig, makeCorrelation, prefixSums } from "../../src/correlation/index.js";
import { adam, dpAdamBC } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import type { Session } from "../../src/training/session.js";
import type { SessionOptions } from "../../src/training/session-options.js";
import { type Changes, disposedSessions, flat, largestDifference, makeBatch } from "./sessions.js";

const WIDTHS = [120, 90, 3] as const;
const { session } = disposedSessions(WIDTHS);
const STEPS = 9;
/** Of noise without a seed: 27 comparisons, each beyond it by chance in 10⁻¹⁰ of runs. */
const SIGMAS = 6.5;
const nothing: Batch = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };

const configs: CorrelationConfig[] = [
  { type: "bandMF", bands: 4 },
  { type: "bisr", bands: 3 },
  { type: "blt", buffers: 2 },
];

function correlate(config: CorrelationConfig): Correlation {
  return makeCorrelation(config, { steps: 40, participation: { pattern: "cyclic", steps: 10 }, workload: prefixSums });
}

const noisy = { noiseMultiplier: 2, expectedBatchSize: 8 };
const make = (correlation: Correlation | undefined, changes: Changes = {}, of: readonly number[] = WIDTHS): Session =>
  session({ privacy: { ...noisy, correlation }, ...changes }, of);

/** The noise of steps on nothing, in units of its deviation. */
async function noiseOf(of: Session, steps = STEPS): Promise<number[][]> {
  const deviation = (0.5 * 2 * 1) / 8; // learning rate · σ · S / qN
  const rows: number[][] = [];
  for (let step = 0; step < steps; step++) {
    const before = flat(of.parameters());
    await of.step(nothing);
    rows.push(flat(of.parameters()).map((value, i) => ((before[i] as number) - value) / deviation));
  }
  return rows;
}

/** Row t of C·x. */
function decorrelated({ column }: Correlation, x: readonly (readonly number[])[], t: number): number[] {
  return (x[0] as number[]).map((_, i) => {
    let sum = 0;
    for (let s = 0; s <= t; s++) sum += (column[t - s] ?? 0) * (x[s]?.[i] as number);
    return sum;
  });
}

function variance(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0) / values.length;
}

describe.each(configs)("$type", (config) => {
  const correlation = correlate(config);

  it("adds C⁻¹z, z being what independent noise is", async () => {
    const x = await noiseOf(make(correlation));
    const z = await noiseOf(make(undefined));
    for (let t = 0; t < STEPS; t++) {
      expect(largestDifference(decorrelated(correlation, x, t), z[t] as number[])).toBeLessThan(1e-4);
    }
  });

  it("is the same on any number of threads, beside a batch, and by slices", async () => {
    const batch = makeBatch(40, 120, 3);
    const run = async (changes: Changes) => {
      const one = make(correlation, { strategy: "naive", ...changes });
      for (let step = 0; step < 4; step++) await one.step(step === 1 ? batch : nothing);
      return flat(one.parameters());
    };
    expect(largestDifference(await run({ threads: 3 }), await run({ threads: 1 }))).toBeLessThan(1e-5);
  });

  it("is masked after it is correlated: what is dropped later is remembered", async () => {
    const sparsification = { rate: 0.5 };
    const plain = await noiseOf(make(correlation));
    const one = make(correlation, { sparsification });
    const masked: number[][] = [];
    for (let step = 0; step < STEPS; step++) {
      one.setSparsification({ refresh: step, rate: 0.9 });
      masked.push(...(await noiseOf(one, 1)));
    }
    masked.forEach((row, t) => {
      const kept = row.flatMap((value, i) => (value === 0 ? [] : [Math.abs(value - (plain[t]?.[i] as number))]));
      expect(kept.length / row.length).toBeCloseTo(0.1, 2);
      expect(Math.max(...kept)).toBeLessThan(1e-4);
    });
  });

  it("goes on with the memory of another session, in noise of its own", async () => {
    const first = make(correlation, { seed: null });
    const x = await noiseOf(first, 6);
    const second = make(correlation, { seed: null });
    second.loadParameters(first.parameters());
    second.loadOptimizerState(first.optimizerState());
    second.loadNoiseMemory(first.noiseMemory());
    const mine = [...x, ...(await noiseOf(second, 3))];
    const theirs = [...x, ...(await noiseOf(first, 3))];
    for (let t = 6; t < 9; t++) {
      const [z, other] = [decorrelated(correlation, mine, t), decorrelated(correlation, theirs, t)];
      const n = z.length;
      expect(Math.abs(variance(z) - 1) * Math.sqrt(n / 2)).toBeLessThan(SIGMAS);
      const product = z.reduce((sum, value, i) => sum + value * (other[i] as number), 0);
      expect(Math.abs(product) / Math.sqrt(n)).toBeLessThan(SIGMAS);
    }
  });

  it("starts anew after going back, and with other noise", async () => {
    const one = make(correlation, { seed: null });
    const start = one.optimizerState();
    const before = await noiseOf(one, 3);
    one.loadOptimizerState(start);
    const after = await noiseOf(one, 3);
    expect(after[0]).not.toEqual(before[0]);
    for (let t = 0; t < 3; t++) {
      const z = decorrelated(correlation, after, t);
      expect(Math.abs(variance(z) - 1) * Math.sqrt(z.length / 2)).toBeLessThan(SIGMAS);
    }
  });

  it("is repeated to the bit by a seeded session that goes on from its state", async () => {
    const one = make(correlation, { optimizer: adam({ learningRate: 0.1 }) });
    for (let step = 0; step < 4; step++) await one.step(nothing);
    const another = make(correlation, { optimizer: adam({ learningRate: 0.1 }) });
    another.loadParameters(one.parameters());
    another.loadOptimizerState(one.optimizerState());
    for (const each of [one, another]) for (let step = 0; step < 4; step++) await each.step(nothing);
    expect(flat(another.parameters())).toEqual(flat(one.parameters()));
    expect(another.noiseMemory()).toEqual(one.noiseMemory());
  });

  it("counts its memory in the plan", () => {
    const bytes = (of: Session) => of.plan().parameterBytes;
    const parameters = 120 * 90 + 90 + 90 * 3 + 3;
    const more = bytes(make(correlation)) - bytes(make(undefined));
    expect(more).toBeGreaterThanOrEqual(4 * parameters * correlation.buffers);
    expect(more).toBeLessThan(4 * (parameters + 4 * 1024) * correlation.buffers);
    expect(make(correlation).noiseMemory()).toHaveLength(correlation.buffers);
  });
});

test("top-k sees correlated noise", async () => {
  const correlation = correlate({ type: "bandMF", bands: 3 });
  const one = make(correlation, { compression: { type: "topK", keep: 0.01, errorFeedback: true } });
  const plain = await noiseOf(make(correlation), 1);
  const [moved] = await noiseOf(one, 1);
  const kept = (moved as number[]).flatMap((value, i) =>
    value === 0 ? [] : [Math.abs(value - (plain[0]?.[i] as number))],
  );
  expect(kept.length).toBeGreaterThan(50);
  expect(Math.max(...kept)).toBeLessThan(1e-4);
});

test("thresholds by schedule scale it", async () => {
  const correlation = correlate({ type: "bisr", bands: 2 });
  const one = make(correlation);
  const plain = await noiseOf(make(correlation), 1);
  const before = flat(one.parameters());
  await one.step(nothing, { thresholdFactor: 3 });
  const moved = flat(one.parameters()).map((value, i) => ((before[i] as number) - value) / (3 / 8));
  expect(largestDifference(moved, plain[0] as number[])).toBeLessThan(1e-4);
});

const correlation = correlate({ type: "bandMF", bands: 2 });
test.each<[string, Partial<SessionOptions>, RegExp]>([
  [
    "discrete noise",
    { privacy: { ...noisy, noise: "discrete", correlation }, strategy: "fused" },
    /^privacy: expected noise/,
  ],
  [
    "adaptive thresholds",
    { clipping: { function: "abadi", style: "flat", threshold: 1, adaptive: {} } },
    /^clipping: exp/,
  ],
  ["dpAdamBC", { optimizer: dpAdamBC({ learningRate: 0.1 }) }, /^optimizer: expected another than dpAdamBC/],
  [
    "what is no correlation",
    { privacy: { ...noisy, correlation: { type: "blt" } as never } },
    /^privacy.correlation: got /,
  ],
])("%s is refused by name", (_, changes, message) => {
  expect(() => make(correlation, changes)).toThrow(message);
});

test("a step's own noise multiplier, and memory that is another's, are refused", async () => {
  const one = make(correlation);
  await expect(one.step(nothing, { noiseMultiplier: 1 })).rejects.toThrow(/noiseMultiplier: got 1, allowed: 2 as/);
  expect(() => one.loadNoiseMemory([])).toThrow(/noise memory: got 0 buffers, expected 1/);
  expect(() => one.loadNoiseMemory([new Float32Array(3)])).toThrow(/values/);
  expect(make(undefined).noiseMemory()).toEqual([]);
});
