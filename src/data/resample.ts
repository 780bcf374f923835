/**
 * Resizes planes of numbers with antialiasing: each new pixel is the mean of the old ones beneath it, weighted by a
 * triangle, as Pillow's BILINEAR and torchvision's `Resize` do. Enlarging is bilinear.
 */
import type { Plane } from "./resize.js";

/** One axis: new pixel i is Σ_k weights[i][k] · old pixel first[i] + k. */
export interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Float64Array[];
}

/** The taps of pixels `start` … `start` + `count` − 1 of `to`, made of `from` ones. */
export function tapsOf(from: number, to: number, start = 0, count = to): Taps {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const first = new Int32Array(count);
  const weights = Array.from({ length: count }, (_, i) => {
    const center = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.floor(center - reach + 0.5));
    const high = Math.min(from, Math.floor(center + reach + 0.5));
    first[i] = low;
    return normalized(
      Float64Array.from({ length: high - low }, (_, k) => Math.max(0, 1 - Math.abs(low + k + 0.5 - center) / reach)),
    );
  });
  return { first, weights };
}

function normalized(weights: Float64Array): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Fills `to`, [rows, columns] as the taps say. `room`: at least from.height · to.width numbers. */
export function resample(
  rows: Taps,
  columns: Taps,
  from: Plane<Float32Array>,
  to: Plane<Float32Array>,
  room: Float64Array,
): void {
  for (let row = 0; row < from.height; row++) {
    const source = from.start + row * from.width;
    for (let column = 0; column < to.width; column++) {
      const weights = columns.weights[column] as Float64Array;
      const start = source + (columns.first[column] as number);
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (from.values[start + k] as number);
      room[row * to.width + column] = sum;
    }
  }
  for (let row = 0; row < to.height; row++) {
    const weights = rows.weights[row] as Float64Array;
    const source = (rows.first[row] as number) * to.width;
    for (let column = 0; column < to.width; column++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] as number) * (room[source + k * to.width + column] as number);
      to.values[to.start + row * to.width + column] = sum;
    }
  }
}
