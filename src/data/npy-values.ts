/** Arrays of any type as what a dataset holds: floats, or class indices. */
import { DataError } from "./dataset.js";
import type { NpyArray, NpyValues } from "./npy.js";

/** The nearest float32 of each element: infinite where that is out of range. */
export function toNumbers({ data }: NpyArray): Float32Array {
  return data instanceof Float32Array ? data : new Float32Array(asNumbers(data));
}

export function isFloating({ dtype }: NpyArray): boolean {
  return dtype.startsWith("float");
}

/**
 * Whole numbers of 32 bits.
 * Throws a DataError for floats, and for the first element that is out of range; `name` stands for the file.
 */
export function toIndices(array: NpyArray, name: string): Int32Array {
  if (isFloating(array)) throw new DataError(`${name}: elements of type ${array.dtype}, whole numbers expected`);
  const numbers = asNumbers(array.data);
  const indices = new Int32Array(numbers); // wraps around; faster than `from`, by ten times
  for (let i = 0; i < indices.length; i++) {
    if (indices[i] === numbers[i]) continue;
    throw new DataError(`${name}: element ${i} is ${array.data[i]}, whole numbers of 32 bits expected`);
  }
  return indices;
}

/** 64 bits as the nearest float64. */
function asNumbers(data: NpyValues): Exclude<NpyValues, BigInt64Array | BigUint64Array> {
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return data;
  const numbers = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) numbers[i] = Number(data[i]);
  return numbers;
}
