/** The geometry that convolution and pooling share. */

import { type Shape, showShape } from "../graph/shape.js";
import type { InferenceContext } from "./define.js";

export type Pair = readonly [number, number];

export interface Window {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** Refuses an input that is not `[C, H, W]`. */
export function requirePicture({ input, refuse }: InferenceContext): readonly [number, number, number] {
  if (input.length === 3) return input as unknown as readonly [number, number, number];
  return refuse(
    `its input has shape ${showShape(input)}, not [channels, height, width]`,
    "give the model an input of shape [C, H, W] and put this layer before flatten",
  );
}

/** Height and width after the window slid over the picture: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 each, as in PyTorch. */
export function slide(context: InferenceContext, window: Window): Pair {
  const [, height, width] = requirePicture(context);
  return [slideAlong(context, window, 0, height), slideAlong(context, window, 1, width)];
}

function slideAlong({ refuse }: InferenceContext, window: Window, axis: 0 | 1, extent: number): number {
  const reach = window.dilation[axis] * (window.kernelSize[axis] - 1) + 1;
  const padded = extent + 2 * window.padding[axis];
  if (reach > padded) {
    const name = axis === 0 ? "height" : "width";
    refuse(
      `its kernel reaches over ${reach} positions, but the input's ${name} with padding is ${padded}`,
      `use a smaller kernelSize or dilation, more padding, or a larger input than ${extent}`,
    );
  }
  return Math.floor((padded - reach) / window.stride[axis]) + 1;
}

/** Refuses pooling windows that could lie in the padding alone. */
export function requireHalfPadding(
  { refuse }: InferenceContext,
  { kernelSize, padding }: Pick<Window, "kernelSize" | "padding">,
): void {
  if (2 * padding[0] <= kernelSize[0] && 2 * padding[1] <= kernelSize[1]) return;
  const most: Shape = kernelSize.map((size) => Math.floor(size / 2));
  refuse(
    `padding ${showShape(padding)} is more than half of kernelSize ${showShape(kernelSize)}`,
    `use a padding of at most ${showShape(most)}, or pad in the convolution before it`,
  );
}
