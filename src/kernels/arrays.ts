/** Reading what callers hand to the kernels: typed arrays of per-example gradients, masks, outputs. */

import { types } from "node:util";
import { checkChoice, describe } from "../arguments.js";
import type { GradientDType } from "../native/binding.js";
import { loadBinding } from "../native/load.js";
import { checkNumber } from "../privacy/check.js";

/** float32, or the 16 bits of bfloat16 or float16 with `dtype` saying which. */
export type GradientArray = Float32Array | Uint16Array;
/** float64 sums carry over any number of calls without rounding to float32 in between. */
export type SumArray = Float32Array | Float64Array;

/** How gradients lie in memory; common to all kernels over them. */
export interface GradientOptions {
  /** B ≥ 0: rows of every block. 0 (an empty Poisson sample) needs `output`, which then says how long the sum is. */
  readonly examples: number;
  /** Of a Uint16Array: bf16 or f16. Default: f32, which is a Float32Array. */
  readonly dtype?: GradientDType | undefined;
  /**
   * One byte a coordinate of the whole gradient, the blocks' one after the other: 0 drops it from every example's
   * gradient before its norm is taken, another value keeps it. Must not depend on the data.
   */
  readonly mask?: Uint8Array | undefined;
  /** Default: one a core. The result is the same to the bit for every number. */
  readonly threads?: number | undefined;
}

/** Checked. */
export interface Gradients {
  readonly list: boolean;
  readonly gradients: readonly GradientArray[];
  readonly columns: readonly number[];
  readonly examples: number;
  readonly dtype: GradientDType;
  readonly kept: Uint8Array | null;
  readonly threads: number;
}

/** Keys of GradientOptions. */
export const gradientKeys = ["examples", "dtype", "mask", "threads"] as const;
const dtypes: readonly GradientDType[] = ["f32", "bf16", "f16"];
const MOST_EXAMPLES = 2 ** 40;
const MOST_THREADS = 1024;

/**
 * @param widths columns by block, where they are known without the gradients
 * @throws TypeError, RangeError naming the argument, what came and what is allowed.
 */
export function readGradients(value: unknown, options: GradientOptions, widths?: readonly number[]): Gradients {
  const list = isList(value);
  const gradients: unknown[] = list ? Array.from(value as unknown[]) : [value];
  if (gradients.length === 0) throw new RangeError("gradients: got an empty list, expected at least one block");
  const { examples, dtype = "f32", mask, threads } = options;
  checkInteger("examples", examples, 0, MOST_EXAMPLES);
  checkChoice("dtype", dtype, dtypes);
  for (const [block, array] of gradients.entries()) {
    checkArray(list ? `gradients[${block}]` : "gradients", array, dtype === "f32" ? "Float32Array" : "Uint16Array");
  }
  const blocks = gradients as GradientArray[];
  const columns = blocks.map((array, block) => columnsOf(list ? `gradients[${block}]` : "gradients", array, examples));
  const known = examples > 0 ? columns : widths;
  if (known === undefined) throw new RangeError("examples: got 0, expected a number above 0, or the option output");
  if (known.length !== blocks.length) throw lengthError("output", known.length, `a list of ${blocks.length}`);
  if (examples > 0 && known.every((width) => width === 0)) throw lengthError("gradients", 0, "at least one coordinate");
  const kept = readMask(mask, known);
  return { list, gradients: blocks, columns: known, examples, dtype, kept, threads: readThreads(threads) };
}

/** Of blocks, or one array. @throws TypeError where it is neither. */
export function isList(gradients: unknown): boolean {
  if (Array.isArray(gradients)) return true;
  if (types.isTypedArray(gradients)) return false;
  throw new TypeError(`gradients: got ${describe(gradients)}, expected a typed array or a list of them`);
}

/** By block, where nothing tells how many columns each has. */
export function noColumns(gradients: unknown): number[] {
  return isList(gradients) ? (gradients as readonly unknown[]).map(() => 0) : [0];
}

function columnsOf(name: string, array: GradientArray, examples: number): number {
  const columns = examples === 0 ? 0 : array.length / examples;
  if (Number.isInteger(columns) && (examples > 0 || array.length === 0)) return columns;
  throw lengthError(name, array.length, `a multiple of examples (${examples})`);
}

export function readMask(mask: unknown, columns: readonly number[]): Uint8Array | null {
  if (mask === undefined) return null;
  checkArray("mask", mask, "Uint8Array");
  const total = columns.reduce((sum, width) => sum + width, 0);
  if (total === 0) return null; // no example, so that nothing tells the length
  if (mask.length !== total) throw lengthError("mask", mask.length, `${total}, one a coordinate`);
  return mask;
}

export function readThreads(threads: unknown): number {
  if (threads === undefined) return Math.min(loadBinding().info().cores, MOST_THREADS);
  checkInteger("threads", threads, 1, MOST_THREADS);
  return threads;
}

interface ArrayTypes {
  Float32Array: Float32Array;
  Float64Array: Float64Array;
  Uint8Array: Uint8Array;
  Uint16Array: Uint16Array;
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const intrinsic = (name: string) => Object.getOwnPropertyDescriptor(typedArray, name)?.get as (this: unknown) => never;
const getBuffer: (this: unknown) => ArrayBuffer = intrinsic("buffer");
const getByteOffset: (this: unknown) => number = intrinsic("byteOffset");
const getByteLength: (this: unknown) => number = intrinsic("byteLength");

export interface Memory {
  readonly buffer: ArrayBuffer;
  readonly start: number;
  readonly end: number;
}

/** Where a typed array really lies: its own properties may have been replaced. */
export function memoryOf(array: ArrayBufferView): Memory {
  const start = getByteOffset.call(array);
  return { buffer: getBuffer.call(array), start, end: start + getByteLength.call(array) };
}

/** Whether both begin at the same element of the same memory. */
export function sameStart(one: ArrayBufferView, other: ArrayBufferView): boolean {
  const [a, b] = [memoryOf(one), memoryOf(other)];
  return a.buffer === b.buffer && a.start === b.start;
}

/** A typed array of this type over memory that is its own: neither shared nor detached. */
export function checkArray<Name extends keyof ArrayTypes>(
  name: string,
  value: unknown,
  type: Name,
): asserts value is ArrayTypes[Name] {
  const test: (object: unknown) => boolean = types[`is${type}`];
  if (!test(value)) throw new TypeError(`${name}: got ${describe(value)}, expected a ${type}`);
  const { buffer } = memoryOf(value as ArrayTypes[Name]);
  // Another thread could change a gradient between its norm and its sum, and so exceed the threshold.
  if (types.isSharedArrayBuffer(buffer)) {
    throw new TypeError(`${name}: got memory that is shared between threads, expected an ArrayBuffer's`);
  }
  if (isDetached(buffer)) throw new TypeError(`${name}: its buffer is detached, expected a ${type}`);
}

/** `detached` came with Node.js 21; before, a view on nothing tells. */
function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

export function isWide(sum: SumArray | undefined): sum is Float64Array {
  return types.isFloat64Array(sum);
}

export function checkSumArray(name: string, value: unknown): asserts value is SumArray {
  const type = types.isFloat64Array(value) ? "Float64Array" : "Float32Array";
  checkArray(name, value, type);
}

/** Memory that is written must be nobody else's: a sum written over gradients would change what is still to be read. */
export function checkApart(name: string, written: ArrayBufferView, others: readonly (ArrayBufferView | null)[]): void {
  const own = memoryOf(written);
  for (const array of others) {
    if (array === null) continue;
    const other = memoryOf(array);
    if (other.buffer !== own.buffer || own.start >= other.end || other.start >= own.end) continue;
    throw new RangeError(`${name}: shares memory with another argument, expected memory of its own`);
  }
}

export function checkInteger(name: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${name}: got ${describe(value)}, expected a number`);
  checkNumber(name, value, { min, max, integer: true });
}

/** A number in range; another type is a TypeError. */
export function checkReal(name: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${name}: got ${describe(value)}, expected a number`);
  checkNumber(name, value, { min, max });
}

export function lengthError(name: string, length: number, expected: string): RangeError {
  return new RangeError(`${name}: got a length of ${length}, expected ${expected}`);
}
