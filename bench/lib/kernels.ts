/** Kernels of the addon as contenders, each checked against float64 in JavaScript before it is timed. */
import { totalmem } from "node:os";
import type { Contender } from "../../src/bench/interleave.js";
import { normal, uniforms } from "../../src/bench/workloads.js";
import { loadBinding } from "../../src/native/load.js";

export type ClipMode = "fused" | "separate";

const TOLERANCE = 1e-5;
/** Every clip factor is multiplied by it: see native/clipping/clipping.h. */
const FACTOR_MARGIN = 1 - 2 ** -20;

/** Standard normal values; above a million the same ones again, for they take long to make. */
export function randomFloats(count: number, seed = 1): Float32Array {
  const values = new Float32Array(count);
  const uniform = uniforms(seed);
  const distinct = Math.min(count, 1 << 20);
  for (let i = 0; i < distinct; i++) values[i] = normal(uniform);
  for (let from = distinct; from < count; from *= 2) values.copyWithin(from, 0, Math.min(from, count - from));
  return values;
}

/** Values that no cache holds: 512 MB, less on a machine with little memory. */
export function beyondCache(): Float32Array {
  const bytes = Math.min(512 * 2 ** 20, totalmem() / 8);
  return randomFloats(2 ** Math.floor(Math.log2(bytes / 4)));
}

/** a·b of n × n matrices on every core, one step a product. @throws Error where it is wrong. */
export function gemmContender(n: number): Contender {
  const [a, b] = [randomFloats(n * n, 1), randomFloats(n * n, 2)];
  requireClose("gemm", loadBinding().kernels.gemm(a, b, n, 1).product, productOf(a, b, n));
  return { name: "gemm", run: async (steps) => milliseconds(loadBinding().kernels.gemm(a, b, n, steps).seconds) };
}

/** One step reads `values` once. @throws Error where a checksum of other values is wrong. */
export function readContender(values: Float32Array): Contender {
  requireReads();
  return {
    name: "read",
    run: async (steps) => milliseconds(loadBinding().kernels.readBandwidth(values, steps).seconds),
  };
}

/** One step clips `gradients` as rows of `columns`. @throws Error where the sum of other rows is wrong. */
export function clipContender(mode: ClipMode, gradients: Float32Array, columns: number): Contender {
  requireClips(mode);
  const examples = gradients.length / columns;
  const run = async (steps: number) =>
    milliseconds(loadBinding().kernels.clipRows(gradients, examples, columns, 1, mode, steps).seconds);
  return { name: mode, run };
}

function milliseconds(seconds: Float64Array): number[] {
  return Array.from(seconds, (value) => value * 1000);
}

function requireReads(): void {
  const values = randomFloats(4096);
  const words = new BigUint64Array(values.buffer);
  const expected = BigInt.asUintN(
    64,
    words.reduce((sum, word) => sum + word, 0n),
  );
  const { checksum } = loadBinding().kernels.readBandwidth(values, 1);
  if (checksum !== expected) throw new Error(`readBandwidth: got the checksum ${checksum}, expected ${expected}`);
}

function requireClips(mode: ClipMode): void {
  requireClipped(
    mode,
    (gradients, examples) =>
      loadBinding().kernels.clipRows(gradients, examples, gradients.length / examples, 1, mode, 1).sum,
  );
}

/** @throws Error where `clip` (with C = 1) differs from float64. */
export function requireClipped(name: string, clip: (gradients: Float32Array, examples: number) => Float32Array): void {
  const [examples, columns] = [13, 1037];
  const gradients = randomFloats(examples * columns);
  for (let i = 0; i < columns; i++) gradients[i] = (gradients[i] ?? 0) * 1e-3; // one below the threshold
  const expected = clippedSum(gradients, examples, columns);
  requireClose(name, clip(gradients, examples), expected);
}

/** @throws Error unless `sum` is that of the rows of `gradients`, clipped by Abadi's function at C = 1. */
export function requireCloseTo(
  name: string,
  sum: Float32Array,
  gradients: Float32Array,
  examples: number,
  columns: number,
): void {
  requireClose(name, sum, clippedSum(gradients, examples, columns));
}

function clippedSum(gradients: Float32Array, examples: number, columns: number): Float64Array {
  const sum = new Float64Array(columns);
  for (let example = 0; example < examples; example++) {
    const row = gradients.subarray(example * columns, (example + 1) * columns);
    const norm = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
    const factor = Math.min(1, 1 / norm) * FACTOR_MARGIN;
    row.forEach((value, column) => {
      sum[column] = (sum[column] ?? 0) + factor * value;
    });
  }
  return sum;
}

function productOf(a: Float32Array, b: Float32Array, n: number): Float64Array {
  const product = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    const target = product.subarray(row * n, (row + 1) * n);
    for (let k = 0; k < n; k++) {
      const factor = a[row * n + k] ?? 0;
      for (let column = 0; column < n; column++)
        target[column] = (target[column] ?? 0) + factor * (b[k * n + column] ?? 0);
    }
  }
  return product;
}

function requireClose(name: string, values: Float32Array, expected: Float64Array): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (values[i] ?? Number.NaN))), 0);
  if (apart <= TOLERANCE * largest) return;
  throw new Error(`${name}: not timed, differs from float64 by ${(apart / largest).toExponential(1)}`);
}
