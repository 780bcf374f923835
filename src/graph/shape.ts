/** Shapes of one example, without the batch, in PyTorch's order: `[features]`, `[T, features]` or `[C, H, W]`. */

import { checkList, describe, preview } from "../arguments.js";
import { ShapeError } from "./errors.js";

export type Shape = readonly number[];

/** @throws TypeError, RangeError unless it is a list of whole numbers ≥ 0, however large. */
export function checkWholeNumbers(name: string, shape: unknown): asserts shape is Shape {
  checkList(name, shape, "whole numbers");
  for (const [i, extent] of shape.entries()) {
    if (Number.isInteger(extent) && (extent as number) >= 0) continue;
    throw new RangeError(`${name}[${i}]: got ${describe(extent)}, expected a whole number`);
  }
}

/** Number of elements of a value of this shape. @throws TypeError, RangeError for what is no shape. */
export function elementCount(shape: Shape): number {
  checkWholeNumbers("shape", shape);
  return shape.reduce((product, extent) => product * extent, 1);
}

/** `[1, 28, 28]`, as messages show it; whatever is in it. */
export function showShape(shape: Shape): string {
  checkList("shape", shape, "whole numbers");
  return `[${shape.map(preview).join(", ")}]`;
}

/** Refuses anything but a list of one to four positive whole numbers whose product is a safe integer. */
export function checkShape(name: string, shape: Shape): void {
  const valid =
    Array.isArray(shape) &&
    shape.length >= 1 &&
    shape.length <= 4 &&
    shape.every((extent) => Number.isSafeInteger(extent) && extent > 0) &&
    Number.isSafeInteger(elementCount(shape));
  if (valid) return;
  throw new ShapeError(
    `${name}: got ${preview(shape)}; allowed is a list of 1 to 4 positive whole numbers without the batch, ` +
      "such as [1, 28, 28]",
  );
}
