import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MetricsFile, type MetricsRow, readMetrics } from "../../src/training/metrics.js";

const row = (step: number): MetricsRow => ({
  step,
  epoch: Math.ceil(step / 2),
  learningRate: 0.5,
  epsilon: step / 10,
  trainLoss: 2.25,
  sampled: 7,
  leftOut: 0,
  clipped: 3,
  seconds: 0.125,
});

describe("metrics.csv", () => {
  let path: string;
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), "hushgrad-metrics-")), "metrics.csv");
  });
  afterEach(() => rmSync(join(path, ".."), { recursive: true }));

  it("names what lies outside the guarantee", () => {
    new MetricsFile(path, false);
    const header = readFileSync(path, "utf8").trim().split(",");
    expect(header.filter((name) => !name.startsWith("outside_epsilon."))).toEqual([
      "step",
      "epoch",
      "learning_rate",
      "threshold",
      "noise_multiplier",
      "epsilon",
      "sparsification_rate",
    ]);
  });

  it("marks a seeded run in the column of ε", () => {
    new MetricsFile(path, true);
    expect(readFileSync(path, "utf8")).toContain("epsilon (seeded: not private)");
  });

  it.each([true, false])("reads back what was written (seeded: %s)", (seeded) => {
    const file = new MetricsFile(path, seeded, undefined, 2);
    const test = { testLoss: 1 / 3, testAccuracy: 0.5, testMeanDice: 0.25, testPixelAccuracy: 0.75 };
    const rows = [row(1), row(2), { ...row(3), ...test, trainLoss: undefined }];
    for (const one of rows) file.append(one);
    expect(readMetrics(path)).toHaveLength(2); // the third is held back
    file.flush();
    const read = readMetrics(path);
    expect(read.slice(0, 2)).toEqual(rows.slice(0, 2));
    expect(read[2]).toMatchObject({ ...test, testLoss: expect.closeTo(1 / 3, 6) });
    expect(read[2]).not.toHaveProperty("trainLoss");
  });

  it("goes on after a checkpoint, without rows of later steps or half lines", () => {
    const file = new MetricsFile(path, false);
    for (const step of [1, 2, 3, 4]) file.append(row(step));
    file.flush();
    appendFileSync(path, "5,3,0.");
    const resumed = new MetricsFile(path, false, 2);
    resumed.append(row(3));
    resumed.flush();
    expect(readMetrics(path)).toEqual([row(1), row(2), row(3)]);
  });

  it("leaves out a line that a crash cut short", () => {
    const file = new MetricsFile(path, false);
    file.append(row(1));
    file.flush();
    appendFileSync(path, "2,1,0.5");
    expect(readMetrics(path)).toEqual([row(1)]);
  });
});
