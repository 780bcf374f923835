/** Arrays of any type as what a dataset holds: floats, or class indices. */
import { DataError } from "./dataset.js";
import type { NpyArray } from "./npy.js";

/** The nearest float32 of each element: infinite where that is out of range. */
export function toNumbers({ data }: NpyArray): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from<number | bigint>(data, Number);
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
  const { data } = array;
  const indices = Int32Array.from<number | bigint>(data, Number);
  const wrong = indices.findIndex((index, i) => index !== Number(data[i]));
  if (wrong === -1) return indices;
  throw new DataError(`${name}: element ${wrong} is ${data[wrong]}, whole numbers of 32 bits expected`);
}
