import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer, type InferenceContext } from "./define.js";
import { sizes } from "./options.js";
import { type Pair, requirePicture } from "./window.js";

const factor = z.number().positive();
const scales = z
  .union([factor, z.tuple([factor, factor])], "expected a number above 0 or [height, width]")
  .transform((scale): Pair => (typeof scale === "number" ? [scale, scale] : scale));

export const upsample2dType = defineLayer({
  type: "upsample2d",
  kind: "Upsample2d",
  options: {
    size: sizes.optional(),
    scale: scales.optional(),
    mode: z.enum(["nearest", "bilinear"]).default("nearest"),
    alignCorners: z.boolean().default(false),
  },
  infer({ size, scale, mode, alignCorners }, context) {
    const [channels, height, width] = requirePicture(context);
    if (alignCorners && mode === "nearest") {
      context.refuse("mode 'nearest' has no corners to align", "leave alignCorners out, or use mode 'bilinear'");
    }
    const out = sizeOf(context, [height, width], size, scale);
    const step = (axis: 0 | 1, extent: number) => {
      if (alignCorners) return out[axis] > 1 ? (extent - 1) / (out[axis] - 1) : 0;
      return scale === undefined ? extent / out[axis] : 1 / scale[axis];
    };
    return {
      outputShape: [channels, ...out],
      attributes: {
        nearest: mode === "nearest" ? 1 : 0,
        alignCorners: alignCorners ? 1 : 0,
        step: [step(0, height), step(1, width)],
      },
      parameters: [],
    };
  },
});

function sizeOf({ refuse }: InferenceContext, input: Pair, size: Pair | undefined, scale: Pair | undefined): Pair {
  if ((size === undefined) === (scale === undefined)) {
    refuse(`it got ${size === undefined ? "neither size nor scale" : "both size and scale"}`, "give it one of the two");
  }
  if (size !== undefined) return size;
  const [height, width] = input.map((extent, axis) => Math.floor(extent * (scale?.[axis] ?? 1))) as [number, number];
  if (height >= 1 && width >= 1) return [height, width];
  return refuse(`scale ${scale} leaves ${height}×${width} of ${input.join("×")} pixels`, "use a larger scale");
}

export interface Upsample2dOptions {
  /** The picture's new size, a number for both or [height, width]; either this or `scale`. */
  readonly size?: number | [number, number];
  /** What the size is multiplied by, above 0, a number for both or [height, width]. */
  readonly scale?: number | [number, number];
  /** Default `nearest`. */
  readonly mode?: "nearest" | "bilinear";
  /** Bilinear: whether the corner pixels' centres stay where they are; default false. */
  readonly alignCorners?: boolean;
}

/** torch.nn.Upsample: `[C, H, W]` → `[C, H', W']`. */
export function upsample2d(options: Upsample2dOptions): Layer {
  return upsample2dType.create(options);
}
