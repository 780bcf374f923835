import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { showShape } from "../graph/shape.js";
import { defineLayer, type InferenceContext } from "./define.js";

const finite = z
  .number()
  .refine((value) => Number.isFinite(Math.fround(value)), "expected a number that float32 can hold");

export const padType = defineLayer({
  type: "pad",
  kind: "Pad",
  options: {
    padding: z
      .array(z.int())
      .min(2)
      .refine((padding) => padding.length % 2 === 0, "expected pairs: before and after, the last dimension first"),
    value: finite.default(0),
  },
  infer({ padding, value }, context) {
    const { input, refuse } = context;
    if (padding.length > 2 * input.length) {
      refuse(
        `padding has ${padding.length / 2} pairs, but its input ${showShape(input)} has ${input.length} dimensions`,
        "use a pair a dimension at most, the last dimension first",
      );
    }
    // PyTorch's order begins with the last dimension.
    const side = (d: number, after: 0 | 1) => padding[2 * (input.length - 1 - d) + after] ?? 0;
    const before = input.map((_, d) => side(d, 0));
    const after = input.map((_, d) => side(d, 1));
    return {
      outputShape: input.map((extent, d) => padded(context, d, extent, before[d] as number, after[d] as number)),
      attributes: { before, after, value },
      parameters: [],
    };
  },
});

function padded({ refuse }: InferenceContext, d: number, extent: number, before: number, after: number): number {
  if (extent + Math.min(before, 0) + Math.min(after, 0) >= 1) return extent + before + after;
  return refuse(
    `padding ${before} and ${after} leaves nothing of dimension ${d}, which has ${extent} positions`,
    "cut less off",
  );
}

export interface PadOptions {
  /** What the border is filled with; default 0. */
  readonly value?: number;
}

/**
 * torch.nn.functional.pad in mode `constant`. `padding`: pairs of before and after in PyTorch's order, the last
 * dimension first: `[left, right, top, bottom, front, back]`; a negative number cuts off.
 */
export function pad(padding: readonly number[], options: PadOptions = {}): Layer {
  return padType.create(options, { padding });
}
