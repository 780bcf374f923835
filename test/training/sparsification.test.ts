import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adam, sgd } from "../../src/optimizers/index.js";
import { parseConfig, type TrainingConfig } from "../../src/training/config.js";
import { readMetrics } from "../../src/training/metrics.js";
import { refreshAt, type SparsificationStructure } from "../../src/training/sparsification.js";
import { Trainer } from "../../src/training/trainer.js";
import { flat, largestDifference, makeBatch, makeSession, part } from "./sessions.js";
import { temporaryFolder, tinyConfig, tinyData, tinyModel } from "./tiny.js";

describe("the schedule", () => {
  const gradual = { rate: 0.9, refreshesPerEpoch: 2, cooling: "gradual" } as const;

  it("cools from 0 to the final rate over all refreshes", () => {
    const plan = { stepsPerEpoch: 10, steps: 30 };
    const rates = [0, 4, 5, 9, 10, 15, 20, 25, 29].map((step) => refreshAt(gradual, step, plan));
    expect(rates.map(({ refresh }) => refresh)).toEqual([0, 0, 1, 1, 2, 3, 4, 5, 5]);
    for (const { refresh, rate } of rates) expect(rate).toBeCloseTo((0.9 * refresh) / 5, 12);
  });

  it("is the final rate where there is one refresh alone, or cooling is constant", () => {
    expect(refreshAt({ ...gradual, refreshesPerEpoch: 1 }, 3, { stepsPerEpoch: 10, steps: 10 }).rate).toBe(0.9);
    expect(refreshAt({ ...gradual, cooling: "constant" }, 0, { stepsPerEpoch: 10, steps: 30 }).rate).toBe(0.9);
  });

  it("stays within [0, final], never falls, and counts refreshes upwards", () => {
    const whole = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(whole(50), whole(400), whole(80), (stepsPerEpoch, steps, refreshesPerEpoch) => {
        let before = { refresh: 0, rate: 0 };
        for (let step = 0; step < steps; step++) {
          const now = refreshAt({ ...gradual, refreshesPerEpoch }, step, { stepsPerEpoch, steps });
          expect(now.rate).toBeGreaterThanOrEqual(before.rate);
          expect(now.rate).toBeLessThanOrEqual(0.9);
          expect(now.refresh).toBeGreaterThanOrEqual(before.refresh);
          before = now;
        }
      }),
    );
  });
});

const batch = makeBatch(8, 6, 3);
const sparse = (rate: number, structured?: SparsificationStructure) => ({ sparsification: { rate, structured } });
const zeros = (values: readonly number[]) => values.flatMap((x, i) => (x === 0 ? [i] : []));

describe("a session", () => {
  it("adds noise of deviation σS/(qN) to what it keeps and none to what it drops", async () => {
    const widths = [300, 100, 3];
    using session = makeSession(widths, {
      ...sparse(0.4),
      optimizer: sgd({ learningRate: 1 }),
      clipping: { function: "abadi", style: "flat", threshold: 2 },
      privacy: { noiseMultiplier: 3, expectedBatchSize: 8 },
    });
    const empty = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };
    const before = flat(session.parameters());
    await session.step(empty);
    const moves = flat(session.parameters()).map((value, i) => value - (before[i] as number));
    expect(zeros(moves)).toHaveLength(Math.floor(0.4 * moves.length));
    const kept = moves.filter((move) => move !== 0);
    const square = kept.reduce((sum, move) => sum + move * move, 0) / kept.length;
    const expected = ((3 * 2) / 8) ** 2;
    expect(Math.abs(square / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / kept.length));
  });

  it("keeps its set until the next refresh, and draws it again from key and number", async () => {
    using session = makeSession([6, 30, 3], sparse(0.5));
    const dropped = async () => zeros(flat((await session.clippedSum(batch)).sums));
    const first = await dropped();
    expect(await dropped()).toEqual(first);
    const state = session.sparsification;
    session.setSparsification({ refresh: 1, rate: 0.5 });
    expect(await dropped()).not.toEqual(first);
    using other = makeSession([6, 30, 3], { ...sparse(0.1), seed: 99, strategy: "naive", threads: 2, chunkSize: 3 });
    if (state) other.setSparsification({ ...state, refresh: 0 });
    other.loadParameters(session.parameters());
    expect(zeros(flat((await other.clippedSum(batch)).sums))).toEqual(first);
  });

  it("draws other sets than another session, from keys of their own", () => {
    using a = makeSession([6, 3], { ...sparse(0.5), seed: null });
    using b = makeSession([6, 3], { ...sparse(0.5), seed: null });
    expect(a.sparsification?.key).not.toEqual(b.sparsification?.key);
  });

  it("drops the same in every slice of a logical batch", async () => {
    using session = makeSession([6, 30, 3], sparse(0.5, "rows"));
    const whole = await session.clippedSum(batch);
    const sliced = await session.clippedSum([part(batch, 0, 3), part(batch, 3, 8)]);
    expect(zeros(flat(sliced.sums))).toEqual(zeros(flat(whole.sums)));
    expect(largestDifference(flat(sliced.sums), flat(whole.sums))).toBeLessThan(1e-6);
  });

  it("moves dropped coordinates by what momentum and Adam remember, no more", async () => {
    for (const optimizer of [sgd({ learningRate: 0.1, momentum: 0.5 }), adam({ learningRate: 0.1 })]) {
      using session = makeSession([6, 30, 3], { ...sparse(0), optimizer });
      await session.step(batch);
      const [before] = session.optimizerState().slots;
      session.setSparsification({ refresh: 1, rate: 0.9 });
      const dropped = new Set(zeros(flat((await session.clippedSum(batch)).sums)));
      await session.step(batch);
      const [after] = session.optimizerState().slots;
      const decay = optimizer.kind === "adam" ? 0.9 : 0.5;
      const [old, now] = [flat(before ?? {}), flat(after ?? {})];
      const kept = now.filter((_, i) => !dropped.has(i));
      for (const i of dropped) expect(now[i]).toBeCloseTo(decay * (old[i] as number), 6);
      expect(kept.length).toBeGreaterThan(20);
    }
  });

  it("takes a first step whatever is dropped", async () => {
    using session = makeSession([6, 2], { ...sparse(0.99, "columns"), strategy: "auto" });
    const twoClasses = makeBatch(8, 6, 2);
    await session.step(twoClasses);
    using single = makeSession([6, 2], sparse(0.99));
    await single.step(twoClasses);
    expect(single.steps + session.steps).toBe(2);
  });

  it.each([
    [{ rate: 1 }, "sparsification.rate must be a number in [0, 1), got 1"],
    [{ rate: Number.NaN }, "sparsification.rate must be a number in [0, 1), got NaN"],
    [
      { rate: 0.5, structured: "blocks" },
      'sparsification.structured: got "blocks", expected one of rows, columns, channels',
    ],
  ])("refuses %j", (sparsification, message) => {
    expect(() => makeSession([6, 3], { sparsification } as never)).toThrow(message);
  });

  it("refuses a refresh without the option, and wrong ones", () => {
    using plain = makeSession([6, 3]);
    expect(plain.sparsification).toBeUndefined();
    expect(() => plain.setSparsification({ refresh: 1, rate: 0.5 })).toThrow("without the option sparsification");
    using session = makeSession([6, 3], sparse(0.5));
    expect(() => session.setSparsification({ refresh: -1, rate: 0.5 })).toThrow("sparsification: refresh must be");
    expect(() => session.setSparsification({ refresh: 1, rate: 2 })).toThrow("sparsification: rate must be");
    expect(() => session.setSparsification({ refresh: 1, rate: 0.5, key: new Uint8Array(3) })).toThrow(
      "sparsification: key: got Uint8Array of 3, expected Uint8Array of 32",
    );
    expect(session.sparsification).toMatchObject({ refresh: 0, rate: 0.5 });
  });
});

describe("a run", () => {
  const config = (changes: Record<string, unknown> = {}): TrainingConfig =>
    tinyConfig({ sparsification: { rate: 0.8, refreshesPerEpoch: 2 }, steps: 30, seed: 5, ...changes });
  const run = async (out: string, settings: TrainingConfig, stopAfter?: number, resume = false) => {
    const controller = new AbortController();
    const trainer = new Trainer({ config: settings, train: tinyData(200), out, resume });
    trainer.on("step", ({ step }) => step === stopAfter && controller.abort());
    return await trainer.run(controller.signal);
  };
  const model = (out: string) => readFileSync(join(out, "checkpoint.safetensors"));

  it("refreshes as its schedule says, and writes the rate of every step", async () => {
    const out = join(temporaryFolder(), "run");
    await run(out, config());
    const rates = readMetrics(join(out, "metrics.csv")).map((row) => row.sparsificationRate);
    expect(rates).toHaveLength(30);
    for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo((0.8 * Math.floor(step / 5)) / 5, 6);
    expect(readFileSync(join(out, "metrics.csv"), "utf8")).toContain(",sparsification_rate,");
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Sparsification");
  });

  it("goes on with the same masks after an interruption: to the bit, within a refresh too", async () => {
    const [whole, parts] = [join(temporaryFolder(), "whole"), join(temporaryFolder(), "parts")];
    await run(whole, config());
    await run(parts, config(), 13);
    await run(parts, config(), undefined, true);
    expect(model(parts).equals(model(whole))).toBe(true);
  });

  it("keeps its mask's key over an interruption where keys come from the system", async () => {
    const out = join(temporaryFolder(), "run");
    const key = () => /"maskKey":"([0-9a-f]{64})"/.exec(readFileSync(join(out, "state.safetensors"), "latin1"))?.[1];
    await run(out, config({ seed: undefined }), 13);
    const before = key();
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    await run(out, config({ seed: undefined }), undefined, true);
    expect(key()).toBe(before);
  });

  it("spends the ε of the run that drops nothing, and says that the mask is public", async () => {
    const out = join(temporaryFolder(), "run");
    const { epsilon } = await run(out, config({ seed: undefined }));
    const plain = await run(join(temporaryFolder(), "plain"), config({ seed: undefined, sparsification: undefined }));
    expect(epsilon).toBe(plain.epsilon);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.private).toBe(true);
    expect(statement.sparsification).toMatchObject({ rate: 0.8, refreshesPerEpoch: 2, cooling: "gradual" });
    expect(statement.sparsification.mask).toMatch(/^public: .* independent of the data/);
  });

  it.each([
    [{ rate: 1 }, "sparsification.rate: got 1; allowed: a number, at least 0 and below 1"],
    [
      { rate: 0.5, refreshesPerEpoch: 0 },
      "sparsification.refreshesPerEpoch: got 0; allowed: a whole number, at least 1",
    ],
    [{ rate: 0.5, cooling: "slow" }, 'sparsification.cooling: got "slow"; allowed: gradual, constant'],
    [{ rate: 0.5, structured: "blocks" }, 'sparsification.structured: got "blocks"; allowed: rows, columns, channels'],
    [{ rate: 0.5, refreshes: 2 }, "unknown key 'refreshes'; allowed: rate, refreshesPerEpoch"],
  ])("refuses the configuration %j", (sparsification, message) => {
    const base = { model: tinyModel, data: { format: "mnist" }, optimizer: { type: "sgd", learningRate: 1 } };
    const privacy = { epsilon: 1, delta: 1e-5 };
    expect(() => parseConfig({ ...base, privacy, batchSize: 8, steps: 1, sparsification })).toThrow(message);
  });
});
