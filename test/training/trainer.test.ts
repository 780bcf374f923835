import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { calibrateNoise } from "../../src/privacy/calibrate.js";
import { spentOf, statusOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import { RandomKeys } from "../../src/privacy/random.js";
import type { TrainingConfig } from "../../src/training/config.js";
import type { StepEvent, TrainingResult } from "../../src/training/events.js";
import { readMetrics } from "../../src/training/metrics.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { Trainer, type TrainerOptions } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const train = tinyData(200);
const test = tinyData(40);

const make = (config: TrainingConfig, more: Partial<TrainerOptions> = {}) =>
  new Trainer({ config, train, test, ...more });

/** Trains, stopping after step `stopAfter` if given. */
async function run(trainer: Trainer, stopAfter?: number): Promise<{ result: TrainingResult; steps: StepEvent[] }> {
  const controller = new AbortController();
  const steps: StepEvent[] = [];
  trainer.on("step", (event) => {
    steps.push(event);
    if (event.step === stopAfter) controller.abort();
  });
  return { result: await trainer.run(controller.signal), steps };
}

function weights(out: string): Map<string, number[]> {
  const { tensors } = readSafetensors(join(out, "checkpoint.safetensors"));
  return new Map([...tensors].map(([name, { values }]) => [name, [...values]]));
}

/** What the ledger says. */
function ledger(out: string): { status: string; steps: number } {
  const read = readRunLedger(out);
  return { status: statusOf(read), steps: countSteps(spentOf(read)) };
}

const json = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

const notDeclared = { privacy: { epsilon: 8, delta: 1e-5 } };

describe("Trainer", () => {
  it("learns, and spends no more than its target with the noise calibrated for it", async () => {
    const { result } = await run(
      make(tinyConfig({ steps: 60, seed: 1, privacy: { epsilon: 50, delta: 1e-5, datasetSize: 200 } })),
    );
    expect(result.stopped).toBe("finished");
    expect(result.step).toBe(60);
    expect(result.plan.noiseMultiplier).toBe(
      calibrateNoise({ samplingRate: 0.1, steps: 60, epsilon: 50, delta: 1e-5 }),
    );
    expect(result.epsilon).toBeLessThanOrEqual(50);
    expect(result.epsilon).toBeGreaterThan(49);
    expect(result.test?.accuracy).toBeGreaterThan(0.9);
    expect(result.peakBytes).toBeGreaterThan(2 ** 20);
  });

  it("tells start, every step, every epoch, checkpoints and the end, in order", async () => {
    const told: string[] = [];
    const out = join(temporaryFolder(), "run");
    const trainer = make(tinyConfig({ steps: 25 }), { out });
    trainer.on("start", ({ plan, step }) => told.push(`start ${step}/${plan.steps}, ${plan.stepsPerEpoch} an epoch`));
    trainer.on("step", ({ step, epoch }) => step % 5 === 0 && told.push(`step ${step} of epoch ${epoch}`));
    trainer.on("epoch", ({ epoch, test }) => told.push(`epoch ${epoch}, ${test?.examples} tested`));
    trainer.on("checkpoint", ({ step, path }) =>
      told.push(`checkpoint ${step} ${path === join(out, "checkpoint.safetensors")}`),
    );
    trainer.on("done", ({ stopped }) => told.push(stopped));
    await trainer.run();
    expect(told).toEqual([
      "start 0/25, 10 an epoch",
      "step 5 of epoch 1",
      "step 10 of epoch 1",
      "checkpoint 10 true",
      "epoch 1, 40 tested",
      "step 15 of epoch 2",
      "step 20 of epoch 2",
      "checkpoint 20 true",
      "epoch 2, 40 tested",
      "step 25 of epoch 3",
      "checkpoint 25 true",
      "finished",
    ]);
  });

  it.each([
    [4, [4, 8, 12, 16, 20, 24, 25]],
    [15, [15, 25]],
  ])("writes checkpoints every %i steps and at the end, whatever an epoch is", async (checkpointEvery, wanted) => {
    const written: number[] = [];
    const trainer = make(tinyConfig({ steps: 25, checkpointEvery }), { out: join(temporaryFolder(), "run") });
    trainer.on("checkpoint", ({ step }) => written.push(step));
    await trainer.run();
    expect(written).toEqual(wanted);
  });

  it("samples a varying number of examples around q·N and follows the schedule", async () => {
    const config = tinyConfig({ schedule: { type: "linearWarmUp", steps: 5 } });
    const { steps } = await run(make(config));
    const sizes = steps.map(({ statistics }) => statistics.examples);
    expect(new Set(sizes).size).toBeGreaterThan(3);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(Math.abs(mean - 20)).toBeLessThan(6.5 * Math.sqrt(18 / 30)); // sure to 10⁻¹⁰
    expect(steps.slice(0, 6).map(({ learningRate }) => learningRate)).toEqual(
      [0.1, 0.2, 0.3, 0.4, 0.5, 0.5].map((x) => expect.closeTo(x, 12)),
    );
  });

  it("takes empty samples as steps like any other", async () => {
    const config = tinyConfig({ samplingRate: 0.0005, steps: 20 });
    const { result, steps } = await run(make(config));
    expect(steps.some(({ statistics }) => statistics.examples === 0)).toBe(true);
    expect(result.step).toBe(20);
    expect(result.accountedSteps).toBe(20);
    expect(Number.isFinite(result.test?.loss)).toBe(true);
  });

  it("reads logical batches that are larger than a slice", async () => {
    const many = tinyData(9000);
    const config = tinyConfig({ samplingRate: 0.9, steps: 2, privacy: { noiseMultiplier: 5, delta: 1e-5 } });
    const { steps } = await run(new Trainer({ config, train: many }));
    for (const { statistics } of steps) expect(Math.abs(statistics.examples - 8100)).toBeLessThan(300);
  });

  it("stops before the step that would exceed the budget", async () => {
    const sigma = calibrateNoise({ samplingRate: 0.1, steps: 12, epsilon: 3, delta: 1e-5 });
    const config = tinyConfig({ privacy: { epsilon: 3, delta: 1e-5, noiseMultiplier: sigma, datasetSize: 200 } });
    const out = join(temporaryFolder(), "run");
    const { result } = await run(make(config, { out }));
    expect(result).toMatchObject({ stopped: "budget", step: 12, accountedSteps: 12 });
    expect(result.epsilon).toBeLessThanOrEqual(3);
    expect(ledger(out)).toEqual({ status: "budget", steps: 12 });
    expect(json(join(out, "privacy.json"))).toMatchObject({
      status: "budget",
      statusMeaning: "stopped before its last step: one more would have exceeded targetEpsilon",
      steps: { taken: 12, reserved: 12 },
    });
    await expect(make(config, { out, resume: true }).run()).rejects.toThrow(
      /holds a run that its privacy budget ended/,
    );
  });

  it("repeats to the bit with a seed, marked as not private; differs without", async () => {
    const folder = temporaryFolder();
    const outs = ["a", "b", "c", "d"].map((name) => join(folder, name));
    const seeded = tinyConfig({ seed: 7, steps: 12 });
    for (const out of outs.slice(0, 2)) await make(seeded, { out }).run();
    for (const out of outs.slice(2)) await make(tinyConfig({ steps: 12 }), { out }).run();
    const [a, b, c, d] = outs.map(weights);
    expect(a).toEqual(b);
    expect(c).not.toEqual(d);
    const [out] = outs as [string];
    expect(json(join(out, "privacy.json"))).toMatchObject({
      private: false,
      epsilon: null,
      notPrivateBecause: ["seeded: not private"],
    });
    for (const file of ["metrics.csv", "report.html"])
      expect(readFileSync(join(out, file), "utf8")).toContain("seeded: not private");
    expect(readSafetensors(join(out, "checkpoint.safetensors")).metadata.privacy).toBe("seeded: not private");
  });

  it("writes everything", async () => {
    const out = join(temporaryFolder(), "deep", "run");
    const { result } = await run(make(tinyConfig(), { out, title: "tiny <run>" }));
    expect(readdirSync(out).sort()).toEqual([
      "checkpoint.safetensors",
      "config.json",
      "ledger.jsonl",
      "metrics.csv",
      "privacy.json",
      "report.html",
      "state.previous.safetensors",
      "state.safetensors",
    ]);
    const rows = readMetrics(join(out, "metrics.csv"));
    expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(rows.at(-1)?.epsilon).toBeCloseTo(result.epsilon as number, 5);
    expect(rows.filter(({ testAccuracy }) => testAccuracy !== undefined).map(({ step }) => step)).toEqual([10, 20, 30]);
    expect(json(join(out, "privacy.json"))).toMatchObject({
      status: "finished",
      private: true,
      epsilon: result.epsilon,
      delta: 1e-5,
      relation: "add/remove",
      steps: { taken: 30, reserved: 30 },
    });
    expect([...weights(out).keys()].sort()).toEqual(["1.bias", "1.weight", "3.bias", "3.weight"]);
    const report = readFileSync(join(out, "report.html"), "utf8");
    expect(report).toContain("tiny &lt;run&gt;");
    expect(report.match(/<svg /g)).toHaveLength(3);
    expect(report).not.toMatch(/(src|href)="https?:/);
  });

  it("says zero-out where the size of the data is not declared public", async () => {
    const out = join(temporaryFolder(), "run");
    await make(tinyConfig({ steps: 3, privacy: { epsilon: 8, delta: 1e-5 } }), { out }).run();
    expect(json(join(out, "privacy.json"))).toMatchObject({ relation: "zero-out" });
  });

  it("is accounted for under the relation of its configuration, on a ledger that says so", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ steps: 3, privacy: { noiseMultiplier: 1, delta: 1e-5, relation: "replace-one" } });
    const { result } = await run(make(config, { out }));
    const { samplingRate } = result.plan;
    const replaced = { samplingRate, noiseMultiplier: 1, relation: "replace-one" as const };
    const epsilon = makeAccountant().epsilonAfter(replaced, 3, 1e-5);
    expect(result.epsilon).toBe(epsilon);
    expect(json(join(out, "privacy.json"))).toMatchObject({
      relation: "replace-one",
      epsilon,
      mechanisms: [{ ...replaced, steps: 3 }],
    });
    expect(readRunLedger(out).start).toMatchObject({
      relation: "replace-one",
      mechanisms: [{ ...replaced, steps: 3 }],
    });
  });

  it("trains without privacy under strategy none, and says so", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ strategy: "none", privacy: undefined, steps: 60, seed: 1 });
    const { result } = await run(make(config, { out }));
    expect(result.epsilon).toBeUndefined();
    expect(result.test?.accuracy).toBe(1);
    expect(json(join(out, "privacy.json"))).toMatchObject({
      private: false,
      guarantee: expect.stringContaining("none"),
    });
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("not private");
  });

  it("refuses noise so small that it proves nothing", async () => {
    const config = tinyConfig({ privacy: { noiseMultiplier: 1e-7, delta: 1e-5, datasetSize: 200 } });
    await expect(make(config).run()).rejects.toThrow(/privacy\.noiseMultiplier: got 1e-7; allowed: .* finite epsilon/);
  });

  it("refuses a delta by which publishing an example would be private", async () => {
    const privacy = { noiseMultiplier: 1, delta: 1 / 200 };
    for (const declared of [{}, { datasetSize: 200 }]) {
      const config = tinyConfig({ privacy: { ...privacy, ...declared } });
      await expect(make(config).run()).rejects.toThrow(
        /privacy\.delta: got 0\.005; allowed: below 1\/200, .* publishes one of them .*; take a tenth/,
      );
    }
    expect(planTraining(tinyConfig({ privacy: { ...privacy, delta: 0.0049 } }), 200).steps).toBe(30);
  });

  it("refuses data that does not fit the model, and lets go of nothing it did not take", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ model: { inputShape: [5], layers: [{ type: "linear", outFeatures: 4 }] } });
    await expect(make(config, { out }).run()).rejects.toThrow(/model: takes \[5\], the training data has \[1, 4, 4\]/);
    expect(existsSync(out)).toBe(false);
    const values = tinyConfig({ loss: { type: "meanSquaredError" } });
    await expect(make(values).run()).rejects.toThrow(
      /loss: meanSquaredError takes values, the training data has classes/,
    );
    await expect(
      make(tinyConfig({ samplingRate: undefined, batchSize: 300, privacy: { epsilon: 8, delta: 1e-5 } })).run(),
    ).rejects.toThrow(/batchSize: got 300; allowed: at most the number of training examples, 200/);
  });

  it("refuses targets and classes that the model has no place for", async () => {
    const layers = [{ type: "conv2d", outChannels: 4, kernelSize: 1 }, { type: "channelsLast" }];
    const out = join(temporaryFolder(), "run");
    await expect(make(tinyConfig({ model: { inputShape: [1, 4, 4], layers } }), { out }).run()).rejects.toThrow(
      /model: gives \[16, 4\], to which belong 16 targets an example; the training data has 1 target$/,
    );
    const classes = ["a", "b", "c", "d", "e"];
    await expect(make(tinyConfig(), { out, classes }).run()).rejects.toThrow(
      /model: gives 4 classes, the data has 5: a, b, c, d, e/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it("runs once", async () => {
    const trainer = make(tinyConfig({ steps: 1 }));
    await trainer.run();
    await expect(trainer.run()).rejects.toThrow(/has run already/);
  });
});

describe("planTraining", () => {
  it("blames epochs, not steps, for a number of steps that cannot be counted", () => {
    const config = tinyConfig({ steps: undefined, epochs: 1e300 });
    expect(() => planTraining(config, 200)).toThrow(
      /^epochs: got 1e\+300; allowed: a number above 0, at most \d+ at 10/,
    );
  });
});

describe("Trainer, stopped and resumed", () => {
  const seeded = tinyConfig({ seed: 3, steps: 24 });

  it("stops after the step under way with everything written", async () => {
    const out = join(temporaryFolder(), "run");
    const { result, steps } = await run(make(seeded, { out }), 7);
    expect(result).toMatchObject({ stopped: "interrupted", step: 7, accountedSteps: 7 });
    expect(steps).toHaveLength(7);
    expect(readMetrics(join(out, "metrics.csv"))).toHaveLength(7);
    expect(ledger(out)).toEqual({ status: "interrupted", steps: 7 });
    expect(json(join(out, "privacy.json"))).toMatchObject({ status: "interrupted", steps: { taken: 7, reserved: 7 } });
    expect(existsSync(join(out, "report.html"))).toBe(true);
    expect(existsSync(join(out, "run.lock"))).toBe(false);
  });

  it("writes everything even if it was stopped before its first step", async () => {
    const out = join(temporaryFolder(), "run");
    const result = await make(seeded, { out }).run(AbortSignal.abort());
    expect(result).toMatchObject({ stopped: "interrupted", step: 0, accountedSteps: 0, epsilon: 0 });
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("interrupted, 0 steps");
    expect((await make(seeded, { out, resume: true }).run()).step).toBe(24);
  });

  it.each([
    ["as they are", {}],
    [
      "in several views",
      { data: { ...seeded.data, augmentation: { crop: { padding: 1 }, flip: true, multiplicity: 3 } } },
    ],
    ["cropped and mirrored", { data: { ...seeded.data, augmentation: { crop: { padding: 1 }, flip: true } } }],
  ])("goes on to the bits of a run that was never stopped, pictures %s", async (_, changes) => {
    const folder = temporaryFolder();
    const [whole, parted] = [join(folder, "whole"), join(folder, "parted")];
    const seeded = tinyConfig({ seed: 3, steps: 24, ...changes });
    await make(seeded, { out: whole }).run();
    await run(make(seeded, { out: parted }), 7);
    const { result } = await run(make(seeded, { out: parted, resume: true }));
    expect(result).toMatchObject({ stopped: "finished", step: 24, accountedSteps: 24 });
    expect(weights(parted)).toEqual(weights(whole));
    const withoutTime = (out: string) => readMetrics(join(out, "metrics.csv")).map(({ seconds, ...row }) => row);
    expect(withoutTime(parted)).toEqual(withoutTime(whole));
  });

  it("augments training pictures, never test pictures, from a key of its own", async () => {
    const losses = async (augmentation?: object) => {
      const data = { ...seeded.data, ...(augmentation ? { augmentation } : {}) };
      const { result, steps } = await run(make(tinyConfig({ seed: 3, steps: 1, data })));
      return { test: result.test?.loss, first: steps[0]?.statistics };
    };
    const plain = await losses();
    const streams = vi.spyOn(RandomKeys.prototype, "stream");
    const shifted = await losses({ crop: { padding: 2 } });
    expect(streams.mock.calls.filter(([purpose]) => purpose === "sampling")).toHaveLength(1);
    expect(streams.mock.calls.filter(([purpose]) => purpose === "augmentation")).toHaveLength(1);
    streams.mockRestore();
    expect(shifted.first?.examples).toBe(plain.first?.examples);
    expect(shifted.first?.meanLoss).not.toBe(plain.first?.meanLoss);
    expect(await losses({ crop: { padding: 0 }, flip: false })).toEqual(plain);
  });

  it("accounts on from what was spent, and draws other samples", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ steps: 20 });
    const first = await run(make(config, { out }), 8);
    const second = await run(make(config, { out, resume: true }));
    expect(second.steps[0]).toMatchObject({ step: 9 });
    expect(second.steps[0]?.epsilon).toBeGreaterThan(first.result.epsilon as number);
    expect(second.result.epsilon).toBeLessThanOrEqual(8);
    const drawn = (steps: readonly StepEvent[]) => steps.slice(0, 8).map(({ statistics }) => statistics.lossSum);
    expect(drawn(second.steps)).not.toEqual(drawn(first.steps));
  });

  it("counts the steps of a process that died, and stops so much earlier", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ steps: 30 });
    const trainer = make(config, { out });
    trainer.on("step", ({ step }) => {
      if (step === 14) throw new Error("power cut");
    });
    await expect(trainer.run()).rejects.toThrow("power cut");
    // Two at a time, the next two while the second of them is taken; on a machine that takes seconds for a step, one.
    const { status, steps: reserved } = ledger(out);
    expect([status, [14, 15, 16].includes(reserved)]).toEqual(["running", true]);
    expect(json(join(out, "privacy.json"))).toMatchObject({ status: "running", steps: { reserved } });
    const { result, steps } = await run(make(config, { out, resume: true }));
    expect(steps[0]?.step).toBe(11); // the checkpoint of step 10
    const last = 30 - (reserved - 10);
    expect(result).toMatchObject({ stopped: "budget", step: last, accountedSteps: 30 });
    expect(result.epsilon).toBeLessThanOrEqual(8);
    expect(readMetrics(join(out, "metrics.csv")).map(({ step }) => step)).toEqual(
      Array.from({ length: last }, (_, i) => i + 1),
    );
  });

  it("starts again, its steps counted, if it died before its first checkpoint", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({ steps: 30 });
    const trainer = make(config, { out });
    trainer.on("step", () => {
      throw new Error("power cut");
    });
    await expect(trainer.run()).rejects.toThrow("power cut");
    const { result, steps } = await run(make(config, { out, resume: true }));
    expect(steps[0]?.step).toBe(1);
    expect(result).toMatchObject({ stopped: "budget", step: 28, accountedSteps: 30 });
  });

  it.each([{}, { strategy: "none", privacy: undefined }])(
    "does not forget what a run spent whose ledger is gone: %j",
    async (changes) => {
      const out = join(temporaryFolder(), "run");
      const config = tinyConfig({ steps: 6, ...changes });
      await run(make(config, { out }), 3);
      const ledger = join(out, "ledger.jsonl");
      renameSync(ledger, `${ledger}.away`);
      const before = readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]);
      for (const resume of [false, true]) {
        await expect(run(make(config, { out, resume }))).rejects.toThrow(
          /holds privacy\.json, state\.safetensors, checkpoint\.safetensors but no ledger\.jsonl/,
        );
      }
      expect(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")])).toEqual(before);
      renameSync(`${ledger}.away`, ledger);
      const { result } = await run(make(config, { out, resume: true }));
      expect(result).toMatchObject({ step: 6, accountedSteps: 6 });
    },
  );

  it("does not overwrite a run, nor resume one that is finished, different or damaged", async () => {
    const out = join(temporaryFolder(), "run");
    await run(make(seeded, { out }), 3);
    await expect(make(seeded, { out }).run()).rejects.toThrow(/--resume continues it, another --out starts a new one/);
    await expect(make(tinyConfig({ seed: 4, steps: 24 }), { out, resume: true }).run()).rejects.toThrow(
      /another configuration/,
    );
    const grown = new Trainer({ config: tinyConfig({ ...notDeclared, seed: 3 }), train, out: `${out}-2` });
    await run(grown, 3);
    const more = {
      config: tinyConfig({ ...notDeclared, seed: 3 }),
      train: tinyData(204),
      out: `${out}-2`,
      resume: true,
    };
    await expect(new Trainer(more).run()).rejects.toThrow(/another number of training examples/);
    const state = readFileSync(join(out, "state.safetensors"));
    writeFileSync(join(out, "state.safetensors"), state.subarray(0, 100));
    await expect(make(seeded, { out, resume: true }).run()).rejects.toThrow(/state\.safetensors/);
    writeFileSync(join(out, "state.safetensors"), state);
    await make(seeded, { out, resume: true }).run();
    await expect(make(seeded, { out, resume: true }).run()).rejects.toThrow(/finished run/);
  });
});
