/** Runs whose thresholds or noise change from step to step: what is added, accounted for, stated and resumed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withWeights } from "../../src/data/dataset.js";
import { cosine, epochs, linear, type Schedule, step } from "../../src/optimizers/schedules/index.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { gradientNoiseMultiplier } from "../../src/privacy/adaptive-threshold.js";
import { stepsBetween } from "../../src/privacy/ledger-rows.js";
import type { PrivacyStatement } from "../../src/privacy/statement.js";
import type { StepEvent, TrainingResult } from "../../src/training/events.js";
import { readMetrics } from "../../src/training/metrics.js";
import { noisePieces } from "../../src/training/noise-plan.js";
import { Trainer, type TrainerOptions } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const train = tinyData(200);
const delta = 1e-5;

async function run(
  changes: Record<string, unknown>,
  more: Partial<TrainerOptions> = {},
  stopAfter?: number,
): Promise<{ result: TrainingResult; steps: StepEvent[] }> {
  const trainer = new Trainer({ config: tinyConfig(changes), train, ...more });
  const steps: StepEvent[] = [];
  const controller = new AbortController();
  trainer.on("step", (event) => {
    steps.push(event);
    if (event.step === stopAfter) controller.abort();
  });
  return { result: await trainer.run(controller.signal), steps };
}

const statement = (out: string) => JSON.parse(readFileSync(join(out, "privacy.json"), "utf8")) as PrivacyStatement;

/** ε of steps of these noise multipliers at the tiny problem's q. */
function epsilonOf(noiseMultipliers: readonly number[]): number {
  const accountant = makeAccountant();
  for (const noiseMultiplier of noiseMultipliers) accountant.step({ samplingRate: 0.1, noiseMultiplier });
  return accountant.epsilon(delta);
}

describe("noisePieces", () => {
  const expanded = (schedule: Schedule, steps: number, perEpoch = steps) =>
    noisePieces(schedule, steps, perEpoch).flatMap((piece) => new Array<number>(piece.steps).fill(piece.factor));

  it("are the schedule where it has few values", () => {
    expect(noisePieces(step({ every: 1000, factor: 0.5 }), 2500, 500)).toEqual([
      { factor: 1, steps: 1000 },
      { factor: 0.5, steps: 1000 },
      { factor: 0.25, steps: 500 },
    ]);
    expect(noisePieces(epochs({ factors: [1, 0.8] }), 30, 10)).toEqual([
      { factor: 1, steps: 10 },
      { factor: 0.8, steps: 20 },
    ]);
    expect(expanded(linear({ final: 0.5 }), 50)).toEqual(Array.from({ length: 50 }, (_, i) => 1 - i / 100));
  });

  it.each([
    cosine({ final: 0.3 }),
    linear({ final: 2 }),
    epochs({ factors: Array.from({ length: 90 }, (_, i) => 1 + (i % 7)) }),
  ])("hold a $type schedule at its largest value in 64 pieces", (schedule) => {
    const pieces = noisePieces(schedule, 1000, 11);
    expect(pieces).toHaveLength(64);
    expect(pieces.reduce((sum, piece) => sum + piece.steps, 0)).toBe(1000);
    expanded(schedule, 1000, 11).forEach((factor, i) => {
      expect(factor).toBeGreaterThanOrEqual(schedule.factor(i, 1000, 11));
    });
  });

  it("are refused where looking at every step would take hours", () => {
    expect(() => noisePieces(linear({ final: 0.5 }), 1e15, 10)).toThrow(/1000000000000000 steps; .* at most 100000000/);
    expect(noisePieces({ type: "constant" } as Schedule, 1e15, 10)).toEqual([{ factor: 1, steps: 1e15 }]);
    const clipping = { function: "abadi", style: "flat", threshold: 1, schedule: { type: "linear", final: 0.5 } };
    const endless = tinyConfig({ clipping, steps: 1e15, epochs: undefined });
    expect(() => planTraining(endless, 200)).toThrow(/^clipping\.schedule: 1000000000000000 steps/);
  });

  it("are cut in order", () => {
    const row = (noiseMultiplier: number, steps: number) => ({ samplingRate: 0.1, noiseMultiplier, steps });
    const plan = [row(3, 10), row(1, 5), row(2, 10)];
    expect(stepsBetween(plan, 8, 17)).toEqual([row(3, 2), row(1, 5), row(2, 2)]);
    expect(stepsBetween(plan, 25, 30)).toEqual([]);
  });
});

describe("schedules of noise", () => {
  const noiseSchedule = { type: "epochs", factors: [1.5, 1, 0.75] };

  it("are calibrated to the target as a whole, applied, accounted for and stated", async () => {
    const out = join(temporaryFolder(), "run");
    const { result, steps } = await run({ privacy: { epsilon: 8, delta, datasetSize: 200, noiseSchedule } }, { out });
    const { noiseMultiplier } = result.plan;
    const expected = Array.from(
      { length: 30 },
      (_, i) => noiseMultiplier * ([1.5, 1, 0.75][Math.floor(i / 10)] as number),
    );
    expect(steps.map((event) => event.noiseMultiplier)).toEqual(expected);
    expect(result.stopped).toBe("finished");
    expect(result.epsilon).toBeCloseTo(epsilonOf(expected), 10);
    expect(result.epsilon).toBeLessThanOrEqual(8);
    expect(result.epsilon).toBeGreaterThan(7.999);
    // On the way, a bound: that of the end of the epoch, or of moments.
    expect(steps[14]?.epsilon).toBeGreaterThanOrEqual(epsilonOf(expected.slice(0, 15)));
    expect(steps[14]?.epsilon).toBeLessThanOrEqual(epsilonOf(expected.slice(0, 20)) * 1.05);
    expect(steps.at(-1)?.epsilon).toBe(result.epsilon);
    expect(statement(out)).toMatchObject({
      epsilon: result.epsilon,
      schedules: { noise: noiseSchedule, threshold: null },
      mechanisms: [1.5, 1, 0.75].map((factor) => ({ noiseMultiplier: noiseMultiplier * factor, steps: 10 })),
    });
    expect(readMetrics(join(out, "metrics.csv")).map((row) => row.noiseMultiplier)).toEqual(
      expected.map((value) => expect.closeTo(value, 5)),
    );
  });

  it("stop before the step that would exceed the budget", async () => {
    const sigmas = Array.from({ length: 30 }, (_, i) => 2 * ([1.5, 1, 0.75][Math.floor(i / 10)] as number));
    const epsilon = epsilonOf(sigmas.slice(0, 23)) + 1e-9;
    const privacy = { epsilon, noiseMultiplier: 2, delta, datasetSize: 200, noiseSchedule };
    const { result } = await run({ privacy });
    expect(result).toMatchObject({ stopped: "budget", step: 23, accountedSteps: 23 });
  });

  it("count lost steps at their own noise, and go on with the step's own", async () => {
    const out = join(temporaryFolder(), "run");
    const privacy = { noiseMultiplier: 2, delta, datasetSize: 200, noiseSchedule };
    const trainer = new Trainer({ config: tinyConfig({ privacy }), train, out });
    trainer.on("step", ({ step }) => {
      if (step === 14) throw new Error("power cut");
    });
    await expect(trainer.run()).rejects.toThrow("power cut");
    const { result, steps } = await run({ privacy }, { out, resume: true });
    expect(steps[0]).toMatchObject({ step: 11, noiseMultiplier: 2 });
    const planned = Array.from({ length: 30 }, (_, i) => 2 * ([1.5, 1, 0.75][Math.floor(i / 10)] as number));
    expect(result).toMatchObject({ stopped: "finished", step: 30 });
    // From the checkpoint after step 10: 11 to 14, and what else had been reserved, which depends on the time of a step.
    const lost = result.accountedSteps - 30;
    expect(lost).toBeGreaterThanOrEqual(4);
    expect(result.epsilon).toBeCloseTo(epsilonOf([...planned, ...planned.slice(10, 10 + lost)]), 10);
    expect(statement(out).epsilon).toBe(result.epsilon);
  });

  it.each([
    [1, { type: "step", every: 10, factor: 0 }, /privacy\.noiseSchedule: factor 0 at step 11 of 30/],
    [
      1,
      { type: "linear", final: 1e300 },
      /^privacy\.noiseSchedule: factor must be a number in \(0, 1000000000\], got /,
    ],
    [
      2e6,
      { type: "epochs", factors: [1e9] },
      /^privacy\.noiseSchedule: got the factor 1000000000 of noise multiplier 2000000/,
    ],
    [1, { type: "step", every: 1, factor: 1e-4 }, /privacy\.noiseMultiplier: got 1; allowed: .* finite epsilon/],
  ])("of %d refuse %j", async (noiseMultiplier, schedule, message) => {
    const privacy = { noiseMultiplier, delta, datasetSize: 200, noiseSchedule: schedule };
    await expect(run({ privacy })).rejects.toThrow(message);
  });
});

describe("schedules of thresholds", () => {
  it("refuse a factor out of range before the first step, and name their key", async () => {
    const clipping = { schedule: { type: "linear", final: 1e300 } };
    await expect(run({ clipping })).rejects.toThrow(
      /^clipping\.schedule: factor must be a number in \(0, 1000000000000000\], got /,
    );
  });

  it("change C and leave ε alone", async () => {
    const out = join(temporaryFolder(), "run");
    const schedule = { type: "linear", final: 0.1 };
    const privacy = { noiseMultiplier: 2, delta, datasetSize: 200 };
    const clipping = { threshold: 0.4, style: "per-layer", schedule };
    const { result, steps } = await run({ privacy, clipping }, { out });
    steps.forEach(({ statistics }, i) => {
      expect(statistics.threshold).toBeCloseTo(0.4 * (1 - (0.9 * i) / 30), 12);
    });
    expect(result.epsilon).toBe(epsilonOf(new Array<number>(30).fill(2)));
    expect(readMetrics(join(out, "metrics.csv"))[15]?.threshold).toBeCloseTo(0.4 * 0.55, 6);
    const share = 0.4 / Math.SQRT2;
    expect(statement(out)).toMatchObject({
      schedules: { threshold: schedule, noise: null },
      clipping: {
        function: "abadi",
        style: "per-layer",
        sensitivity: 0.4,
        thresholdByGroup: [
          { name: "1", threshold: share },
          { name: "3", threshold: share },
        ],
      },
    });
  });

  it("are refused where they reach 0", async () => {
    const clipping = { threshold: 1, schedule: { type: "epochs", factors: [1, 0] } };
    await expect(run({ clipping })).rejects.toThrow(/clipping\.schedule: factor 0 at step 11 of 30/);
  });
});

describe("adaptive thresholds", () => {
  const privacy = { noiseMultiplier: 1, delta, datasetSize: 200 };
  const clipping = { threshold: 5, style: "per-layer", adaptive: { countNoise: 2, quantile: 0.3 } };

  it("cost no ε beyond σ, are shown and stated", async () => {
    const out = join(temporaryFolder(), "run");
    const { result, steps } = await run({ privacy, clipping }, { out });
    expect(result.epsilon).toBe(epsilonOf(new Array<number>(30).fill(1)));
    const shown = steps.map(({ statistics }) => statistics.threshold);
    expect(shown[0]).toBeCloseTo(5, 12);
    expect(new Set(shown).size).toBe(30);
    expect(readMetrics(join(out, "metrics.csv")).map((row) => row.threshold)).toEqual(
      shown.map((value) => expect.closeTo(value, 5)),
    );
    expect(statement(out)).toMatchObject({
      clipping: {
        adaptive: {
          countNoise: 2,
          quantile: 0.3,
          learningRate: 0.2,
          expectedBatchSize: 20,
          countSensitivity: Math.SQRT1_2,
          noise: [{ noiseMultiplier: 1, gradientNoiseMultiplier: gradientNoiseMultiplier(1, 2, 2) }],
        },
      },
      insideEpsilon: ["the model after each step, all steps together", "the thresholds of each step"],
    });
  });

  it("go on to the bits of a run that was never stopped", async () => {
    const folder = temporaryFolder();
    const [whole, parted] = [join(folder, "whole"), join(folder, "parted")];
    const changes = { privacy, clipping, seed: 5 };
    await run(changes, { out: whole });
    await run(changes, { out: parted }, 13);
    await run(changes, { out: parted, resume: true });
    const shown = (out: string) => readMetrics(join(out, "metrics.csv")).map(({ seconds, ...row }) => row);
    expect(shown(parted)).toEqual(shown(whole));
  });

  it("are refused where the largest noise of a schedule leaves nothing for the gradients", async () => {
    const noiseSchedule = { type: "epochs", factors: [1, 4] };
    await expect(run({ privacy: { ...privacy, noiseSchedule }, clipping })).rejects.toThrow(
      /clipping\.adaptive\.countNoise: got 2, allowed: a number above 2\.82/,
    );
  });
});

describe("weights of a dataset", () => {
  const data = (weights: Float32Array) => withWeights(train, weights);

  it("multiply what its examples add", async () => {
    const last = async (weight: number, learningRate: number): Promise<number> => {
      const optimizer = { type: "sgd", learningRate };
      const options = { strategy: "none", privacy: undefined, seed: 2, steps: 20, optimizer };
      const { steps } = await run(options, { train: data(new Float32Array(200).fill(weight)) });
      return steps.at(-1)?.statistics.lossSum as number;
    };
    expect(await last(0.5, 1)).toBeCloseTo(await last(1, 0.5), 4);
    expect(Math.abs((await last(0.5, 0.5)) - (await last(1, 0.5)))).toBeGreaterThan(0.01);
  });

  it("are refused beyond the declared bound before the first step", async () => {
    const weights = new Float32Array(200).fill(1);
    weights[150] = 1.5;
    await expect(run({}, { train: data(weights) })).rejects.toThrow(
      "clipping.maxWeight: a weight of 1.5 in the training data; allowed: weights from 0 to 1",
    );
    const { result } = await run({ clipping: { maxWeight: 2 }, steps: 2 }, { train: data(weights) });
    expect(result.step).toBe(2);
    await expect(run({ clipping: { maxWeight: 0.5 } })).rejects.toThrow(
      /clipping\.maxWeight: no weights, .* at least 1/,
    );
    expect(() => data(new Float32Array(3))).toThrow("weights: 3 given, but there are 200 examples");
  });
});
