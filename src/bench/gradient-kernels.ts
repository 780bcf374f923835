/** Kernels over gradients that lie in memory, as contenders: each is checked against float64 before it is timed. */
import { loadBinding } from "../native/load.js";
import type { Contender } from "./interleave.js";
import { normal, uniforms } from "./workloads.js";

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

/** One step is one call from JavaScript, timed there. */
export function callContender(name: string, call: () => unknown): Contender {
  const timed = (): number => {
    const start = performance.now();
    call();
    return performance.now() - start;
  };
  return { name, run: async (steps) => Array.from({ length: steps }, timed) };
}

/** From the seconds that a kernel tells of its repeats. */
export function milliseconds(seconds: Float64Array): number[] {
  return Array.from(seconds, (value) => value * 1000);
}

export interface ClippedReference {
  readonly sum: Float64Array;
  /** Of each row, before clipping. */
  readonly squaredNorms: Float64Array;
}

/** Rows of `gradients` clipped by Abadi's function at C = 1, and their sum, in float64. */
export function clippedReference(gradients: Float32Array, columns: number): ClippedReference {
  const sum = new Float64Array(columns);
  const squaredNorms = new Float64Array(gradients.length / columns);
  for (let row = 0; row < squaredNorms.length; row++) {
    const first = row * columns;
    let squared = 0;
    for (let i = first; i < first + columns; i++) squared += (gradients[i] as number) ** 2;
    squaredNorms[row] = squared;
    const factor = Math.min(1, 1 / Math.sqrt(squared)) * FACTOR_MARGIN;
    for (let column = 0; column < columns; column++) {
      (sum[column] as number) += factor * (gradients[first + column] as number);
    }
  }
  return { sum, squaredNorms };
}

/** @throws Error saying by how much `values` differ from `expected`, over the largest of those. */
export function requireClose(name: string, values: Float32Array | Float64Array, expected: Float64Array): void {
  let [largest, apart] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const value = expected[i] as number;
    largest = Math.max(largest, Math.abs(value));
    apart = Math.max(apart, Math.abs(value - (values[i] ?? Number.NaN))); // NaN stays
  }
  if (apart <= TOLERANCE * largest) return;
  throw new Error(`${name}: not timed, differs from float64 by ${(apart / largest).toExponential(1)}`);
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
  const [examples, columns] = [13, 1037];
  const gradients = randomFloats(examples * columns);
  for (let i = 0; i < columns; i++) (gradients[i] as number) *= 1e-3; // one below the threshold
  const { sum } = clippedReference(gradients, columns);
  requireClose(mode, loadBinding().kernels.clipRows(gradients, examples, columns, 1, mode, 1).sum, sum);
}
