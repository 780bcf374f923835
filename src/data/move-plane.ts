/** Shifts and mirrors a plane in place. */
import type { Plane } from "./resize.js";

type Numbers = Float32Array | Int32Array;

export interface Move {
  /** By so many pixels; up and left where negative. */
  readonly down: number;
  readonly right: number;
  /** Left and right change sides, after the shift. */
  readonly mirror: boolean;
}

/** Moves `plane`; what comes in from outside is `blank`. `scratch`: room for a plane of this size. */
export function movePlane(
  plane: Plane<Numbers>,
  { down, right, mirror }: Move,
  blank: number,
  scratch: Plane<Numbers>,
) {
  if (down === 0 && right === 0 && !mirror) return;
  const { values, start, height, width } = plane;
  scratch.values.set(values.subarray(start, start + height * width), scratch.start);
  for (let y = 0; y < height; y++) {
    const to = values.subarray(start + y * width, start + (y + 1) * width);
    const from = scratch.start + (y - down) * width;
    if (y - down < 0 || y - down >= height) to.fill(blank);
    else moveLine(scratch.values.subarray(from, from + width), to, right, blank);
    if (mirror) to.reverse();
  }
}

function moveLine(from: Numbers, to: Numbers, right: number, blank: number): void {
  to.fill(blank);
  if (Math.abs(right) >= from.length) return;
  to.set(right < 0 ? from.subarray(-right) : from.subarray(0, from.length - right), Math.max(0, right));
}
