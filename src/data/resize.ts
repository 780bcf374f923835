/**
 * Resizes planes of numbers. Positions are those of pixels' centres, (i + ½)·from/to − ½, so that a picture and its mask
 * stay on each other: bilinear as PyTorch's `interpolate(mode="bilinear", align_corners=False)` and OpenCV's
 * INTER_LINEAR (no antialiasing), nearest as PyTorch's "nearest-exact".
 */

/** [height, width], row-major, from `start` on. */
export interface Plane<A extends ArrayLike<number>> {
  readonly values: A;
  readonly start: number;
  readonly height: number;
  readonly width: number;
}

/** A plane, or a part of one that is `rowStride` wide. */
export interface Part extends Plane<ArrayLike<number>> {
  readonly rowStride?: number;
}

/** Fills `to`, whose size may be any, by weighted means of the four nearest pixels. */
export function resizeBilinear(from: Part, to: Plane<Float32Array>): void {
  const rows = neighbours(from.height, to.height);
  const columns = neighbours(from.width, to.width);
  const { values, start, rowStride = from.width } = from;
  const value = (row: number, column: number) => values[start + row * rowStride + column] as number;
  let at = to.start;
  for (const { low: top, high: bottom, share: down } of rows) {
    for (const { low: left, high: right, share: across } of columns) {
      const above = value(top, left) * (1 - across) + value(top, right) * across;
      const below = value(bottom, left) * (1 - across) + value(bottom, right) * across;
      to.values[at++] = above * (1 - down) + below * down;
    }
  }
}

/** Fills `to`, whose size may be any, with the nearest pixels' values. */
export function resizeNearest<T extends Int32Array | Float32Array>(from: Part, to: Plane<T>): void {
  const columns = nearest(from.width, to.width);
  const { values, start, rowStride = from.width } = from;
  let at = to.start;
  for (const row of nearest(from.height, to.height)) {
    for (const column of columns) to.values[at++] = values[start + row * rowStride + column] as number;
  }
}

interface Neighbours {
  readonly low: number;
  readonly high: number;
  /** Of `high`; `low` has the rest. */
  readonly share: number;
}

function neighbours(from: number, to: number): Neighbours[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(position), from - 1);
    return { low, high: Math.min(low + 1, from - 1), share: position - low };
  });
}

function nearest(from: number, to: number): number[] {
  return Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor(((i + 0.5) * from) / to)));
}
