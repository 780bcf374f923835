import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";
import { sizes } from "./options.js";
import { requirePicture } from "./window.js";

export const adaptiveAvgPool2dType = defineLayer({
  type: "adaptiveAvgPool2d",
  kind: "AdaptiveAvgPool2d",
  options: { outputSize: sizes },
  infer({ outputSize }, context) {
    return { outputShape: [requirePicture(context)[0], ...outputSize], attributes: {}, parameters: [] };
  },
});

/** torch.nn.AdaptiveAvgPool2d: `[C, H, W]` → `[C, ...outputSize]`, each the mean of the window it stands for. */
export function adaptiveAvgPool2d(outputSize: number | [number, number]): Layer {
  return adaptiveAvgPool2dType.create({ outputSize });
}

/** The mean of each channel: `[C, H, W]` → `[C, 1, 1]`, for pictures of any size. */
export function globalAvgPool2d(): Layer {
  return adaptiveAvgPool2d(1);
}
