/** The geometry that convolution and pooling share. */

import { type Shape, showShape } from "../graph/shape.js";
import type { InferenceContext } from "./define.js";

export type Pair = readonly [number, number];

/** A number for each spatial dimension, in the order of the shape. */
export type Sizes = readonly number[];

export interface Window<S extends Sizes = Sizes> {
  readonly kernelSize: S;
  readonly stride: S;
  readonly padding: S;
  readonly dilation: S;
}

const axes = {
  1: { names: ["length"], letters: "C, L" },
  2: { names: ["height", "width"], letters: "C, H, W" },
  3: { names: ["depth", "height", "width"], letters: "C, D, H, W" },
} as const;

/** How many spatial dimensions a layer works on. */
export type Axes = keyof typeof axes;

/** Channels and extents. Refuses an input that does not have that many spatial dimensions. */
export function requireSpatial({ input, refuse }: InferenceContext, count: Axes): readonly [number, ...number[]] {
  if (input.length === count + 1) return input as readonly [number, ...number[]];
  const { names, letters } = axes[count];
  return refuse(
    `its input has shape ${showShape(input)}, not [channels, ${names.join(", ")}]`,
    `give the model an input of shape [${letters}] and put this layer before flatten`,
  );
}

/** Refuses an input that is not `[C, H, W]`. */
export function requirePicture(context: InferenceContext): readonly [number, number, number] {
  return requireSpatial(context, 2) as readonly [number, number, number];
}

/** What the window leaves of each spatial dimension: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1, as in PyTorch. */
export function slide(context: InferenceContext, window: Window): Sizes {
  const count = window.kernelSize.length as Axes;
  const [, ...extents] = requireSpatial(context, count);
  return extents.map((extent, axis) => slideAlong(context, window, axis, extent, axes[count].names[axis] as string));
}

function slideAlong({ refuse }: InferenceContext, window: Window, axis: number, extent: number, name: string): number {
  const at = (sizes: Sizes) => sizes[axis] as number;
  const reach = at(window.dilation) * (at(window.kernelSize) - 1) + 1;
  const padded = extent + 2 * at(window.padding);
  if (reach > padded) {
    refuse(
      `its kernel reaches over ${reach} positions, but the input's ${name} with padding is ${padded}`,
      `use a smaller kernelSize or dilation, more padding, or a larger input than ${extent}`,
    );
  }
  return Math.floor((padded - reach) / at(window.stride)) + 1;
}

/** Refuses pooling windows that could lie in the padding alone. */
export function requireHalfPadding(
  { refuse }: InferenceContext,
  { kernelSize, padding }: Pick<Window, "kernelSize" | "padding">,
): void {
  if (kernelSize.every((size, axis) => 2 * (padding[axis] as number) <= size)) return;
  const most: Shape = kernelSize.map((size) => Math.floor(size / 2));
  refuse(
    `padding ${showShape(padding)} is more than half of kernelSize ${showShape(kernelSize)}`,
    `use a padding of at most ${showShape(most)}, or pad in the convolution before it`,
  );
}
