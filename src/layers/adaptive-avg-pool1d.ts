import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";
import { count } from "./options.js";
import { requireSpatial } from "./window.js";

/** An AdaptiveAvgPool2d of height 1. */
export const adaptiveAvgPool1dType = defineLayer({
  type: "adaptiveAvgPool1d",
  kind: "AdaptiveAvgPool2d",
  options: { outputSize: count },
  infer({ outputSize }, context) {
    return { outputShape: [requireSpatial(context, 1)[0], outputSize], attributes: {}, parameters: [] };
  },
});

/** torch.nn.AdaptiveAvgPool1d: `[C, L]` → `[C, outputSize]`, each the mean of the window it stands for. */
export function adaptiveAvgPool1d(outputSize: number): Layer {
  return adaptiveAvgPool1dType.create({ outputSize });
}

/** The mean of each channel: `[C, L]` → `[C, 1]`, for values of any length. */
export function globalAvgPool1d(): Layer {
  return adaptiveAvgPool1d(1);
}
