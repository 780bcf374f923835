/** What models ask of the height and width of their pictures, told before a layer within them refuses. */
import { showShape } from "../graph/shape.js";

type Picture = readonly [channels: number, height: number, width: number];

/** @throws TypeError unless `side` divides height and width: so many stages halve them and double them again. */
export function requireDivisibleSides(model: string, inputShape: Picture, side: number): void {
  const [, height, width] = inputShape;
  if (height % side === 0 && width % side === 0) return;
  throw new TypeError(
    `${model}.inputShape: got ${showShape(inputShape)}; allowed are heights and widths that ${side} divides (resize or pad the pictures)`,
  );
}

/** @throws TypeError where height or width is below `side`: so many stages halve them, to one pixel at least. */
export function requireLeastSides(model: string, inputShape: Picture, side: number): void {
  const [, height, width] = inputShape;
  if (height >= side && width >= side) return;
  throw new TypeError(
    `${model}.inputShape: got ${showShape(inputShape)}; allowed are heights and widths of ${side} or more (resize or pad the pictures)`,
  );
}
