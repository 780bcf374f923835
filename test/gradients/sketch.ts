/** Gradients too large for a fixture, as test/fixtures/gradients/sketch.py keeps them. */
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, largest } from "./compare.js";
import { Stream } from "./generator.js";

const COORDINATES = 48;
const DIRECTIONS = 3;
const SIGN_SEED = 0x51675;

function keptCoordinates(row: Float32Array): number[] {
  const indices = Array.from({ length: COORDINATES }, (_, i) => Math.floor((i * row.length) / COORDINATES));
  return [...new Set(indices)].map((index) => row[index] as number);
}

function projections(row: Float32Array): number[] {
  const stream = new Stream(SIGN_SEED);
  return Array.from({ length: DIRECTIONS }, () => {
    let sum = 0;
    for (const value of row) sum += stream.word() >>> 31 ? -value : value;
    return sum;
  });
}

/** `rows` examples of each tensor, sketched, against what `expected` holds under `kind/NAME` and `kind/NAME@signs`. */
export function expectSketches(
  expected: (name: string) => Float64Array,
  kind: string,
  got: Tensors,
  rows: number,
): void {
  for (const [name, { data }] of Object.entries(got)) {
    const elements = data.length / rows;
    for (let b = 0; b < rows; b++) {
      const row = data.subarray(b * elements, (b + 1) * elements);
      const rowOf = (suffix: string): Float64Array => {
        const all = expected(`${kind}/${name}${suffix}`);
        return all.subarray((b * all.length) / rows, ((b + 1) * all.length) / rows);
      };
      const scale = Math.max(largest(rowOf("")), largest(rowOf("@signs"))); // a projection of a few may cancel
      expectClose(`${kind}, row ${b} of ${name}`, keptCoordinates(row), rowOf(""));
      expectClose(`${kind}, row ${b} of ${name}, projected`, projections(row), rowOf("@signs"), scale);
    }
  }
}
