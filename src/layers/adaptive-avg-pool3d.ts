import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";
import { volumeSizes } from "./options.js";
import { requireSpatial } from "./window.js";

export const adaptiveAvgPool3dType = defineLayer({
  type: "adaptiveAvgPool3d",
  kind: "AdaptiveAvgPool3d",
  options: { outputSize: volumeSizes },
  infer({ outputSize }, context) {
    return { outputShape: [requireSpatial(context, 3)[0], ...outputSize], attributes: {}, parameters: [] };
  },
});

/** torch.nn.AdaptiveAvgPool3d: `[C, D, H, W]` → `[C, ...outputSize]`, each the mean of the window it stands for. */
export function adaptiveAvgPool3d(outputSize: number | [number, number, number]): Layer {
  return adaptiveAvgPool3dType.create({ outputSize });
}

/** The mean of each channel: `[C, D, H, W]` → `[C, 1, 1, 1]`, for volumes of any size. */
export function globalAvgPool3d(): Layer {
  return adaptiveAvgPool3d(1);
}
