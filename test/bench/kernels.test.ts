import { expect, test } from "vitest";
import { gemmContender } from "../../bench/lib/kernels.js";
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
  for (const contender of [gemmContender(40), readContender(gradients), clipContender("fused", gradients, 100)]) {
    const times = await contender.run(4);
    expect(times).toHaveLength(4);
    expect(Math.min(...times)).toBeGreaterThan(0);
  }
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
  ["b", () => kernels.gemm(gradients.subarray(0, 4), gradients.subarray(0, 5), 2, 1)],
])("a wrong %s is named", (name, call) => {
  expect(call).toThrow(new RegExp(`^${name}: got `));
});
