import { expect, test } from "vitest";
import { gemmContender, normalsContender } from "../../bench/lib/kernels.js";
import { clipContender, randomFloats, readContender } from "../../src/bench/gradient-kernels.js";
import { loadBinding } from "../../src/native/load.js";

const { kernels } = loadBinding();
const gradients = randomFloats(12 * 100);

test("both ways of clipping give the same sum and norms, every repeat is timed", () => {
  const fused = kernels.clipRows(gradients, 12, 100, 1, "fused", 3);
  const separate = kernels.clipRows(gradients.slice(), 12, 100, 1, "separate", 1);
  fused.sum.forEach((value, i) => {
    expect(value).toBeCloseTo(separate.sum[i] ?? Number.NaN, 5);
  });
  fused.squaredNorms.forEach((value, i) => {
    expect(value).toBeCloseTo(separate.squaredNorms[i] ?? Number.NaN, 9);
  });
  expect(fused.seconds).toHaveLength(3);
  expect(fused.seconds.every((seconds) => seconds > 0)).toBe(true);
});

test("contenders check their kernel and tell milliseconds", async () => {
  const contenders = [
    gemmContender(40),
    readContender(gradients),
    clipContender("fused", gradients, 100),
    normalsContender("engine", 5000),
    normalsContender("naive", 5000),
  ];
  for (const contender of contenders) {
    const times = await contender.run(4);
    expect(times).toHaveLength(4);
    expect(Math.min(...times)).toBeGreaterThan(0);
  }
});

test("the generator and its naive reference give the same samples, which are no others", () => {
  const { samples } = kernels.normals("engine", 1, 1);
  const { samples: expected } = kernels.normals("naive", 1, 1);
  expect(samples).toHaveLength(4096);
  samples.forEach((sample, i) => {
    expect(sample).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });
  const variance = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / samples.length));
});

test.each([
  ["gradients", () => kernels.clipRows(gradients, 12, 101, 1, "fused", 1)],
  ["examples", () => kernels.clipRows(gradients, 0, 100, 1, "fused", 1)],
  ["columns", () => kernels.clipRows(gradients, 12, 0.5, 1, "fused", 1)],
  ["threshold", () => kernels.clipRows(gradients, 12, 100, 0, "fused", 1)],
  ["mode", () => kernels.clipRows(gradients, 12, 100, 1, "quick" as "fused", 1)],
  ["repeats", () => kernels.clipRows(gradients, 12, 100, 1, "fused", -1)],
  ["values", () => kernels.readBandwidth(new Float64Array(4) as unknown as Float32Array, 1)],
  ["n", () => kernels.gemm(gradients, gradients, 0, 1)],
  ["count", () => kernels.normals("engine", 0, 1)],
  ["mode", () => kernels.normals("quick" as "naive", 1, 1)],
  ["b", () => kernels.gemm(gradients.subarray(0, 4), gradients.subarray(0, 5), 2, 1)],
])("a wrong %s is named", (name, call) => {
  expect(call).toThrow(new RegExp(`^${name}: got `));
});
