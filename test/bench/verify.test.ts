import { expect, test } from "vitest";
import { largestDifference, requireMatch, strategyDifference, TOLERANCE } from "../../src/bench/verify.js";
import { type Workload, workloadBatch, workloadByName } from "../../src/bench/workloads.js";
import { sequential } from "../../src/graph/builder.js";
import { dropout, flatten, linear } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { strategyNames } from "../../src/training/session-options.js";

const tensor = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

test("differences are relative to a parameter's largest value, and the worst parameter counts", () => {
  const reference = { a: tensor(1, -4), b: tensor(100, 0) };
  expect(largestDifference(reference, reference)).toBe(0);
  expect(largestDifference({ a: tensor(1, -3), b: tensor(100, 1) }, reference)).toBe(0.25);
});

test("what is not a number, or not there, never matches", () => {
  const reference = { a: tensor(1, 2) };
  for (const sums of [{ a: tensor(1, Number.NaN) }, {}, { a: tensor(1) }, { a: tensor(1, Number.POSITIVE_INFINITY) }]) {
    expect(largestDifference(sums, reference) <= TOLERANCE).toBe(false);
  }
  expect(largestDifference({ a: tensor(1) }, { a: tensor(0) }) <= TOLERANCE).toBe(false);
});

test.each(strategyNames)("mnist-cnn under %s may be timed", async (strategy) => {
  expect(await strategyDifference(workloadByName("mnist-cnn"), strategy)).toBeLessThanOrEqual(TOLERANCE);
});

test("a strategy that computes something else is refused", async () => {
  let made = 0;
  const treacherous: Workload = {
    name: "treacherous",
    batch: 4,
    classes: 3,
    targets: 1,
    loss: () => crossEntropy(),
    // Another model for the strategy than for its reference.
    model: () =>
      sequential(
        [8],
        made++ === 1 ? [linear(3, { bias: false }), dropout(0.9)] : [linear(3, { bias: false }), flatten()],
      ),
  };
  await expect(requireMatch(treacherous, "ghost")).rejects.toThrow("differs from naive's by");
});

test("batches are the same ones every time, of the model's shape", () => {
  const workload = workloadByName("dpcnn");
  const [batch, again] = [workloadBatch(workload, [3, 4, 4], 50), workloadBatch(workload, [3, 4, 4], 50)];
  expect(batch).toEqual(again);
  expect(batch.inputs).toHaveLength(50 * 48);
  const mean = batch.inputs.reduce((sum, value) => sum + value, 0) / batch.inputs.length;
  expect(Math.abs(mean)).toBeLessThan(0.1);
  expect(new Set(batch.targets)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  expect(workloadBatch(workloadByName("unet"), [1, 2, 2], 3).targets).toHaveLength(3 * 128 * 128);
});
