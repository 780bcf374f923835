import { expect, test } from "vitest";
import { clippedReference, randomFloats, requireClose } from "../../src/bench/gradient-kernels.js";
import { runGradientKernels } from "../../src/bench/gradient-run.js";
import { byteSize, gradientTable } from "../../src/bench/gradient-text.js";
import { gradientContenders, gradientShapes, SHAPED_BYTES } from "../../src/bench/ready-gradients.js";
import { gradientImplementations, type KernelRow } from "../../src/bench/results.js";

test("sizes go from 1 KB to 1 GB, and 64 MB comes in many shapes of whole rows", () => {
  const sizes = [...new Set(gradientShapes.map(({ bytes }) => byteSize(bytes)))];
  expect(sizes).toEqual(["1 KB", "16 KB", "256 KB", "4 MB", "64 MB", "1 GB"]);
  expect(gradientShapes.filter(({ bytes }) => bytes === SHAPED_BYTES).length).toBeGreaterThan(3);
  for (const { bytes, columns } of gradientShapes) expect(Number.isInteger(bytes / 4 / columns)).toBe(true);
});

test("every implementation is measured, in turn, in a process of its own", async () => {
  const shapes = [
    { bytes: 2 ** 10, columns: 64 },
    { bytes: 2 ** 16, columns: 2 ** 12 },
  ];
  const said: string[] = [];
  const { kernels, skipped } = await runGradientKernels((line) => said.push(line), { shapes, budgetMs: 100 });
  expect(skipped).toEqual([]);
  expect(said).toEqual(["1 KB of gradients, rows of 64", "64 KB of gradients, rows of 4096"]);
  expect(kernels.map(({ implementation, bytes }) => [implementation, bytes])).toEqual(
    shapes.flatMap(({ bytes }) => gradientImplementations.map((name) => [name, bytes])),
  );
  for (const row of kernels) {
    expect(row.examples * row.columns * 4).toBe(row.bytes);
    expect(row.gigabytesPerSecond).toBeCloseTo(row.bytes / row.msPerCall / 1e6, 9);
    expect(row.rounds).toBeGreaterThanOrEqual(3);
    if (row.implementation === "read") expect(row.ofReading).toBe(1);
    if (row.implementation === "fused") expect(row.overFused).toBe(1);
  }
});

test("a size that memory does not suffice for is named with what it needs, and the others are measured", async () => {
  const shapes = [
    { bytes: 2 ** 30, columns: 2 ** 16 },
    { bytes: 2 ** 10, columns: 64 },
  ];
  const { kernels, skipped } = await runGradientKernels(() => {}, { shapes, budgetMs: 1, availableMemory: 2 ** 30 });
  expect(skipped).toEqual([
    {
      engine: "hushgrad",
      workload: "1 GB of gradients, rows of 65536",
      strategy: "all kernels",
      reason: "needs 1.5 GB of free memory, there are 1.0",
      missing: true,
    },
  ]);
  expect(kernels).toHaveLength(gradientImplementations.length);
});

test("a shape that fails is told as a failure, and the next one gets a new process", async () => {
  const shapes = [
    { bytes: 2 ** 10, columns: 1000 }, // no whole rows
    { bytes: 2 ** 10, columns: 64 },
  ];
  const { kernels, skipped } = await runGradientKernels(() => {}, { shapes, budgetMs: 1 });
  expect(skipped).toMatchObject([{ workload: "1 KB of gradients, rows of 1000", missing: false }]);
  expect(kernels).toHaveLength(gradientImplementations.length);
});

test("a shape has a contender for each implementation, checked and ready", async () => {
  const contenders = gradientContenders({ bytes: 2 ** 14, columns: 256 });
  expect(contenders.map(({ name }) => name)).toEqual([...gradientImplementations]);
  for (const contender of contenders) expect(await contender.run(2)).toHaveLength(2);
});

test("the reference clips by norm and leaves short rows as they are", () => {
  const { sum, squaredNorms } = clippedReference(Float32Array.of(3, 4, 0.25, 0), 2);
  expect([...squaredNorms]).toEqual([25, 0.0625]);
  expect(sum[0]).toBeCloseTo((0.6 + 0.25) * (1 - 2 ** -20), 12);
  expect(sum[1]).toBeCloseTo(0.8 * (1 - 2 ** -20), 12);
});

test("what differs from float64, or is no number, is not timed", () => {
  const expected = Float64Array.of(1, -4, 2);
  expect(() => requireClose("sum", Float32Array.of(1, -4, 2), expected)).not.toThrow();
  for (const wrong of [
    [1, -4.001, 2],
    [Number.NaN, -4, 2],
    [1, -4],
  ]) {
    expect(() => requireClose("sum", Float32Array.from(wrong), expected)).toThrow(/^sum: not timed, differs/);
  }
  expect(randomFloats(3, 1)).not.toEqual(randomFloats(3, 2));
});

test("the table has a line a shape, with rates, the ratio and shares of reading", () => {
  const row = (implementation: KernelRow["implementation"], msPerCall: number): KernelRow => ({
    implementation,
    bytes: SHAPED_BYTES,
    examples: 2 ** 14,
    columns: 2 ** 10,
    msPerCall,
    msQuartiles: [msPerCall, msPerCall],
    gigabytesPerSecond: SHAPED_BYTES / msPerCall / 1e6,
    ofReading: 2 / msPerCall,
    overFused: msPerCall / 4,
    rounds: 3,
  });
  const text = gradientTable([row("read", 2), row("naive", 10), row("fused", 4)]);
  expect(text).toMatch(/ {2}64 MB {3}16384 × 1024 {7}33\.6 {8}6\.71 {8}16\.8 {16}– {21}– {9}2\.50 {7}20 {7}50 {18}–\n/);
});
