import { describe, expect, test } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { dropout, linear } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { adam, sgd } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import { createSession, type Session } from "../../src/training/session.js";
import { disposedSessions, flat, largestDifference, makeBatch, part } from "./sessions.js";

const widths = [6, 16, 3];
const batch = makeBatch(8, 6, 3);
const { session, keep } = disposedSessions(widths);

describe("parameters", () => {
  test("have PyTorch's names and shapes, and start from the seed", () => {
    const parameters = session().parameters();
    expect(Object.keys(parameters)).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
    expect(parameters["0.weight"]?.shape).toEqual([16, 6]);
    expect(session().parameters()).toEqual(parameters);
    expect(session({ seed: 2 }).parameters()).not.toEqual(parameters);
    expect(session({ seed: null }).parameters()).not.toEqual(parameters);
  });

  test("move from one session to another", () => {
    const [from, to] = [session(), session({ seed: 2 })];
    to.loadParameters(from.parameters());
    expect(to.parameters()).toEqual(from.parameters());
  });

  test("are refused as a whole where one is missing, unknown or misshapen", () => {
    const made = session();
    const before = made.parameters();
    const { "0.bias": bias, ...rest } = before;
    const weight = before["0.weight"];
    if (bias === undefined || weight === undefined) throw new Error("the model has both");
    expect(() => made.loadParameters(rest)).toThrow(/parameters: missing 0\.bias/);
    expect(() => made.loadParameters({ ...before, extra: bias })).toThrow(/not in the model: extra/);
    expect(() => made.loadParameters({ ...before, "0.weight": { ...weight, shape: [6, 16] } })).toThrow(
      /0\.weight: got shape \[6, 16\], expected \[16, 6\]/,
    );
    const short = { ...weight, data: new Float32Array(3) };
    expect(() => made.loadParameters({ ...before, "0.weight": short })).toThrow(
      /Float32Array of 3, expected Float32Array of 96/,
    );
    expect(made.parameters()).toEqual(before);
  });
});

describe("step", () => {
  test("learns, counts its steps and tells its statistics", async () => {
    const made = session({ privacy: { noiseMultiplier: 0.01, expectedBatchSize: 8 } });
    const first = await made.step(batch);
    expect(first).toMatchObject({ examples: 8, leftOut: 0, step: 1 });
    expect(first.meanLoss).toBeCloseTo(first.lossSum / 8, 12);
    for (let i = 0; i < 200; i++) await made.step(batch);
    expect(made.steps).toBe(201);
    const last = await made.step(batch);
    expect(last.meanLoss).toBeLessThan(first.meanLoss / 2);
  });

  test("without noise it is the clipped sum over the public batch size", async () => {
    const made = session({ privacy: { noiseMultiplier: 0, expectedBatchSize: 100 } });
    const before = made.parameters();
    const { sums } = await made.clippedSum(batch);
    await made.step(batch, { learningRate: 2 });
    const expected = flat(before).map((value, i) => value - (2 / 100) * (flat(sums)[i] ?? Number.NaN));
    expect(largestDifference(flat(made.parameters()), expected)).toBeLessThan(1e-7);
  });

  // To rounding: between slices the sums go over into float64.
  test("slices of one batch give the step of the batch", async () => {
    const whole = session({ chunkSize: 2, threads: 2 });
    const sliced = session({ chunkSize: 2, threads: 2 });
    const { lossSum } = await whole.step(batch);
    const statistics = await sliced.step([part(batch, 0, 4), part(batch, 4, 8)]);
    expect(statistics.examples).toBe(8);
    expect(statistics.lossSum).toBeCloseTo(lossSum, 9);
    expect(largestDifference(flat(sliced.parameters()), flat(whole.parameters()))).toBeLessThan(1e-7);
  });

  test("a batch larger than a slice is cut, and gives the bits of its slices", async () => {
    const cut = session({ chunkSize: 4, threads: 2 });
    const size = 3 * cut.sliceSize;
    const large = makeBatch(size, 6, 3);
    const sliced = session({ chunkSize: 4, threads: 2 });
    async function* slices(): AsyncGenerator<Batch> {
      for (let from = 0; from < size; from += cut.sliceSize) yield part(large, from, from + cut.sliceSize);
    }
    expect((await cut.step(large)).examples).toBe(size);
    await sliced.step(slices());
    expect(sliced.parameters()).toEqual(cut.parameters());
  });

  test("equal runs give equal bits, noise included; without a seed noise differs", async () => {
    const privacy = { noiseMultiplier: 1, expectedBatchSize: 8 };
    const run = async (made: Session) => {
      for (let i = 0; i < 3; i++) await made.step(batch);
      return made.parameters();
    };
    expect(await run(session({ privacy }))).toEqual(await run(session({ privacy })));
    const unseeded = () => {
      const made = session({ privacy, seed: null });
      made.loadParameters(session().parameters());
      return made;
    };
    expect(await run(unseeded())).not.toEqual(await run(unseeded()));
    expect(unseeded().seeded).toBe(false);
    expect(session().seeded).toBe(true);
  });

  test("thread counts change rounding alone, and nothing with deterministic", async () => {
    const large = makeBatch(64, 6, 3);
    const run = async (threads: number, deterministic: boolean) => {
      const made = session({
        threads,
        deterministic,
        chunkSize: 4,
        privacy: { noiseMultiplier: 1, expectedBatchSize: 64 },
      });
      for (let i = 0; i < 3; i++) await made.step(large);
      return flat(made.parameters());
    };
    expect(largestDifference(await run(1, false), await run(2, false))).toBeLessThan(1e-5);
    expect(await run(2, true)).toEqual(await run(1, true));
  });

  test("an empty batch is noise alone: deviation lr·σS/(qN) over a million parameters", async () => {
    const made = session(
      {
        clipping: { function: "abadi", style: "flat", threshold: 0.5 },
        privacy: { noiseMultiplier: 3, expectedBatchSize: 50 },
        seed: null,
      },
      [1000, 1000, 10],
    );
    const before = made.parameters();
    const statistics = await made.step({ inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 });
    expect(statistics).toMatchObject({ examples: 0, leftOut: 0, clipped: 0, lossSum: 0, step: 1 });
    expect(statistics.meanLoss).toBeNaN();
    const after = made.parameters();
    for (const [name, least] of [
      ["0.weight", 1e6],
      ["0.bias", 1000],
    ] as const) {
      const [a, b] = [before[name]?.data, after[name]?.data];
      if (a === undefined || b === undefined) throw new Error(`${name} is missing`);
      expect(a.length).toBe(least);
      const moves = Float64Array.from(b, (value, i) => value - (a[i] ?? Number.NaN));
      const deviation = Math.sqrt(moves.reduce((sum, move) => sum + move * move, 0) / moves.length);
      // Of a deviation over n samples, the standard error is 1/√(2n): seven of them, in 10⁻¹¹ of runs; 14 for a million.
      const tolerance = least === 1e6 ? 0.01 : 7 / Math.sqrt(2 * least);
      expect(Math.abs(deviation / ((0.5 * 3 * 0.5) / 50) - 1)).toBeLessThan(tolerance);
    }
  });

  test("an empty logical batch of slices is a step too", async () => {
    const made = session({ privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } });
    expect((await made.step([])).examples).toBe(0);
    expect(made.steps).toBe(1);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e30])("an example of %s is left out and counted", async (bad) => {
    const made = session();
    const { sums: expected } = await made.clippedSum(part(batch, 0, 7));
    const poisoned = { ...batch, inputs: batch.inputs.slice() };
    poisoned.inputs.fill(bad, 7 * 6);
    const { sums, statistics } = await made.clippedSum(poisoned);
    expect(statistics.examples).toBe(8);
    const moved = Math.hypot(...flat(sums).map((value, i) => value - (flat(expected)[i] ?? Number.NaN)));
    if (Number.isFinite(bad)) expect(moved).toBeLessThanOrEqual(1 + 1e-5);
    else expect(statistics.leftOut).toBe(1);
    if (statistics.leftOut === 1) expect(moved).toBeLessThan(1e-6);
    expect(flat(sums).every(Number.isFinite)).toBe(true);
    await made.step(poisoned);
    expect(flat(made.parameters()).every(Number.isFinite)).toBe(true);
  });

  test("the optimizer's state goes on in another session, bit for bit", async () => {
    const options = { optimizer: adam({ learningRate: 0.01 }), privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } };
    const whole = session(options);
    for (let i = 0; i < 4; i++) await whole.step(batch);
    const first = session(options);
    for (let i = 0; i < 2; i++) await first.step(batch);
    const second = session(options);
    second.loadParameters(first.parameters());
    second.loadOptimizerState(first.optimizerState());
    expect(second.steps).toBe(2);
    for (let i = 0; i < 2; i++) await second.step(batch);
    expect(second.parameters()).toEqual(whole.parameters());
    expect(second.optimizerState()).toEqual(whole.optimizerState());
  });

  test("dropout masks differ from step to step, and go on from a checkpoint as they would have", async () => {
    const make = () => {
      const made = createSession(sequential([6], [linear(16), dropout(0.5), linear(3)]), {
        loss: crossEntropy(),
        optimizer: sgd({ learningRate: 0.5 }),
        privacy: { noiseMultiplier: 0, expectedBatchSize: 8 },
        seed: 3,
      });
      keep(made);
      return made;
    };
    const [whole, rest] = [make(), make()];
    const masked = (await whole.clippedSum(batch)).sums;
    expect((await whole.clippedSum(batch)).sums).toEqual(masked);
    await whole.step(batch, { learningRate: 1e-30 }).catch(() => {});
    expect((await whole.clippedSum(batch)).sums).not.toEqual(masked);
    rest.loadParameters(whole.parameters());
    rest.loadOptimizerState(whole.optimizerState());
    for (const made of [whole, rest]) await made.step(batch);
    expect(rest.parameters()).toEqual(whole.parameters());
  });

  test("going back to an earlier step never uses noise twice", async () => {
    const privacy = { noiseMultiplier: 1, expectedBatchSize: 8 };
    for (const made of [session({ privacy }), session({ privacy, seed: null })]) {
      const [parameters, state] = [made.parameters(), made.optimizerState()];
      await made.step([]);
      const once = made.parameters();
      made.loadParameters(parameters);
      made.loadOptimizerState(state);
      await made.step([]);
      expect(largestDifference(flat(made.parameters()), flat(once))).toBeGreaterThan(0.01);
    }
  });

  test("refuses optimizer state of another shape", () => {
    const made = session({ optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) });
    const state = made.optimizerState();
    expect(state.slots.length).toBe(1);
    expect(() => made.loadOptimizerState({ ...state, slots: [] })).toThrow(/an array of 0 slots, this optimizer has 1/);
    expect(() => made.loadOptimizerState({ ...state, step: -1 })).toThrow(/step/);
    expect(() => made.loadOptimizerState({ ...state, slots: [{}] })).toThrow(/slots\[0\]: missing 0\.weight/);
  });
});

describe("parameters that do not move in the first step", () => {
  test("are an error that names them", async () => {
    const made = session({}, [6, 16, 3]);
    const zero = { ...batch, inputs: new Float32Array(48) };
    await expect(made.step(zero)).rejects.toThrow(/first step did not move 0\.weight: their gradients are zero/);
    expect(made.steps).toBe(1);
  });

  test("a learning rate of zero is named as the reason", async () => {
    await expect(session().step(batch, { learningRate: 0 })).rejects.toThrow(/its learning rate is 0/);
  });

  test("an empty batch without noise moves nothing, and that is right", async () => {
    expect((await session().step([])).examples).toBe(0);
  });

  test("a first step is a run's, not a process's", async () => {
    const made = session();
    made.loadOptimizerState({ ...made.optimizerState(), step: 5 });
    const before = made.parameters();
    expect((await made.step(batch, { learningRate: 0 })).step).toBe(6);
    expect(made.parameters()).toEqual(before);
  });

  test("those that a mask drops whole need not", async () => {
    const made = session({ sparsification: { rate: 0 } });
    const before = made.parameters();
    const kept = Object.fromEntries(
      Object.entries(before).map(([name, { data }]) => [
        name,
        new Uint8Array(data.length).fill(name === "2.bias" ? 1 : 0),
      ]),
    );
    made.setMask({ kept, from: "public" });
    await made.step(batch);
    const after = made.parameters();
    const moved = Object.keys(after).filter((name) => String(after[name]?.data) !== String(before[name]?.data));
    expect(moved).toEqual(["2.bias"]);
  });

  test("noise moves everything", async () => {
    const made = session({ privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } });
    await made.step({ ...batch, inputs: new Float32Array(48) });
  });
});

describe("evaluate and per-example gradients", () => {
  test("evaluation joins slices", async () => {
    const made = session();
    const whole = await made.evaluate(batch);
    const parts = await made.evaluate([part(batch, 0, 3), part(batch, 3, 8)]);
    expect(whole.outputs.length).toBe(24);
    expect(largestDifference(Array.from(parts.outputs), Array.from(whole.outputs))).toBeLessThan(1e-6);
    expect(parts.losses.length).toBe(8);
    expect((await made.evaluate({ inputs: batch.inputs, size: 8 })).losses.length).toBe(0);
  });

  test("clipped per-example gradients add up to the clipped sum, for every style", async () => {
    for (const style of ["flat", "per-layer"] as const) {
      const made = session({ clipping: { function: "abadi", style, threshold: 0.3 } });
      const { gradients, squaredNorms } = await made.perExampleGradients(batch);
      const { sums, statistics } = await made.clippedSum(batch);
      expect(statistics.clipped).toBeGreaterThan(0);
      expect(squaredNorms.length).toBe(style === "flat" ? 8 : 16);
      const bound = style === "flat" ? 0.3 : 0.3 / Math.SQRT2;
      for (const [name, { data, shape }] of Object.entries(gradients)) {
        const elements = data.length / 8;
        expect(shape[0]).toBe(8);
        const group = style === "flat" || name.startsWith("0") ? 0 : 1;
        const expected = Array.from({ length: elements }, (_, i) => {
          let sum = 0;
          for (let b = 0; b < 8; b++) {
            const norm = Math.sqrt(squaredNorms[group * 8 + b] ?? Number.NaN);
            sum += Math.min(1, bound / norm) * (data[b * elements + i] ?? Number.NaN);
          }
          return sum;
        });
        expect(largestDifference(Array.from(sums[name]?.data ?? []), expected)).toBeLessThan(2e-6);
      }
    }
  });

  test("strategies agree", async () => {
    const results = [];
    for (const strategy of ["naive", "materialize", "fused", "reweight", "ghost", "auto"] as const) {
      results.push(flat((await session({ strategy }).clippedSum(batch)).sums));
    }
    for (const result of results) expect(largestDifference(result, results[0] ?? [])).toBeLessThan(1e-6);
  });
});
