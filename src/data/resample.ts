/**
 * Resizes planes of numbers with antialiasing: each new pixel is the mean of the old ones beneath it, weighted by a
 * triangle, as Pillow's BILINEAR and torchvision's `Resize` do. Enlarging is bilinear.
 */
import type { Plane } from "./resize.js";

/** One axis: new pixel i is Σ_k weights[i · most + k] · old pixel first[i] + k, k from 0 to `most` − 1. */
export interface Taps {
  readonly first: Int32Array;
  readonly weights: Float64Array;
  readonly most: number;
}

/** The taps of pixels `start` … `start` + `count` − 1 of `to`, made of `from` ones. */
export function tapsOf(from: number, to: number, start = 0, count = to): Taps {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const most = Math.min(from, Math.ceil(2 * reach) + 1);
  const first = new Int32Array(count);
  const weights = new Float64Array(count * most);
  for (let i = 0; i < count; i++) {
    const center = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.min(Math.floor(center - reach + 0.5), from - most));
    const own = weights.subarray(i * most, (i + 1) * most);
    first[i] = low;
    for (let k = 0; k < most; k++) own[k] = Math.max(0, 1 - Math.abs(low + k + 0.5 - center) / reach);
    const total = own.reduce((sum, weight) => sum + weight, 0);
    for (let k = 0; k < most; k++) own[k] = (own[k] as number) / total;
  }
  return { first, weights, most };
}

/** Fills `to`, [rows, columns] as the taps say. `room`: at least (from.height + 1) · to.width numbers. */
export function resample(
  rows: Taps,
  columns: Taps,
  from: Plane<Float32Array>,
  to: Plane<Float32Array>,
  room: Float64Array,
): void {
  const { width } = to;
  for (let row = 0; row < from.height; row++) {
    acrossRow(columns, from.values, from.start + row * from.width, room, row * width, width);
  }
  const sums = room.subarray(from.height * width, (from.height + 1) * width);
  for (let row = 0; row < to.height; row++) {
    sums.fill(0);
    for (let k = 0; k < rows.most; k++) {
      const weight = rows.weights[row * rows.most + k] as number;
      if (weight === 0) continue;
      const source = ((rows.first[row] as number) + k) * width;
      for (let i = 0; i < width; i++) sums[i] = (sums[i] as number) + weight * (room[source + i] as number);
    }
    to.values.set(sums, to.start + row * width);
  }
}

function acrossRow(
  { first, weights, most }: Taps,
  values: Float32Array,
  start: number,
  room: Float64Array,
  roomStart: number,
  width: number,
): void {
  for (let i = 0; i < width; i++) {
    const source = start + (first[i] as number);
    let sum = 0;
    for (let k = 0; k < most; k++) sum += (weights[i * most + k] as number) * (values[source + k] as number);
    room[roomStart + i] = sum;
  }
}
