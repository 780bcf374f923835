/** The average of the parameters: its formula, its place in a run, its files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { readMetrics } from "../../src/training/metrics.js";
import { buildModel } from "../../src/training/model-config.js";
import { ParameterAverage } from "../../src/training/parameter-average.js";
import { makeSession } from "../../src/training/prepare.js";
import { Trainer } from "../../src/training/trainer.js";
import { runTiny, temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const one = (...values: number[]) => ({ w: { shape: [values.length], data: Float32Array.from(values) } });

function saved(file: string): number[] {
  return [...readSafetensors(file).tensors.values()].flatMap(({ values }) => [...values]);
}

describe("ParameterAverage", () => {
  it("warms up with (1 + t) / (10 + t), and then keeps to its decay", () => {
    const average = new ParameterAverage(0.25, one(1, -2));
    average.add(one(3, 0), 1); // 2/11 of what was
    expect([...(average.tensors().w?.data ?? [])]).toEqual([29 / 11, -4 / 11].map(Math.fround));
    average.add(one(0, 0), 2); // 3/12 = the decay
    average.add(one(0, 0), 1000);
    expect([...(average.tensors().w?.data ?? [])]).toEqual([29 / 176, -4 / 176].map(Math.fround));
  });

  it("refuses a decay that forgets nothing or is no share, and a state of another model", () => {
    for (const decay of [1, -0.1, Number.NaN]) {
      expect(() => new ParameterAverage(decay, one(1))).toThrow(/^ema\.decay must be a number in \[0, 1\)/);
    }
    const average = new ParameterAverage(0.5, one(1, 2));
    expect(() => average.load({})).toThrow("average of w: got no values, expected 2");
    expect(() => average.load(new ParameterAverage(0.5, one(1)).state)).toThrow("average of w: got 1 values");
  });
});

describe("a run with ema", () => {
  const config = tinyConfig({ steps: 24, checkpointEvery: 1, seed: 5, ema: { decay: 0.7 } });

  it("averages the models after each step, evaluates the average, and trains as it would without", async () => {
    const out = join(temporaryFolder(), "run");
    const trainer = new Trainer({ config, train: tinyData(200), test: tinyData(40), out });
    const models: number[][] = [];
    trainer.on("checkpoint", ({ step, path }) => {
      models[step] = saved(path);
    });
    const result = await trainer.run();
    using session = makeSession(config, buildModel(config));
    let expected = Object.values(session.parameters()).flatMap(({ data }) => [...data]);
    for (let step = 1; step <= 24; step++) {
      const decay = Math.min(0.7, (1 + step) / (10 + step));
      expected = expected.map((value, i) => decay * value + (1 - decay) * (models[step]?.[i] as number));
    }
    const average = saved(join(out, "average.safetensors"));
    average.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 6);
    });
    expect(average).not.toEqual(models[24]);
    expect(result.test?.average?.examples).toBe(40);
    expect(result.test?.average?.loss).not.toBe(result.test?.loss);
    expect(readMetrics(join(out, "metrics.csv")).at(-1)?.averageTestLoss).toBeCloseTo(
      result.test?.average?.loss ?? 0,
      5,
    );
    expect(readFileSync(join(out, "metrics.csv"), "utf8")).toContain("outside_epsilon.average_test_accuracy");

    const { ema: _, ...without } = config;
    const plain = join(temporaryFolder(), "run");
    await runTiny(without, plain);
    expect(saved(join(plain, "checkpoint.safetensors"))).toEqual(models[24]);
  });

  it("goes on with its average to the bit", async () => {
    const [whole, halves] = [join(temporaryFolder(), "run"), join(temporaryFolder(), "run")];
    await runTiny(config, whole);
    await runTiny(config, halves, { stopAfter: 9 });
    await runTiny(config, halves, { resume: true });
    expect(saved(join(halves, "average.safetensors"))).toEqual(saved(join(whole, "average.safetensors")));
    expect(readSafetensors(join(halves, "average.safetensors")).metadata).toMatchObject({ averageDecay: "0.7" });
  });
});
