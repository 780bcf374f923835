import type { Layer } from "../graph/layer.js";
import { elementCount, showShape } from "../graph/shape.js";
import { defineLayer } from "./define.js";

export const channelsLastType = defineLayer({
  type: "channelsLast",
  kind: "ChannelsLast",
  options: {},
  infer(_, { input, refuse }) {
    const [channels, ...extents] = input;
    if (channels === undefined || extents.length < 1) {
      return refuse(
        `its input has shape ${showShape(input)}, which has channels and no positions`,
        "give it [channels, height, width] or [channels, length]",
      );
    }
    return { outputShape: [elementCount(extents), channels], attributes: {}, parameters: [] };
  },
});

/**
 * `[C, H, W]` → `[H·W, C]` and `[C, L]` → `[L, C]`, as `x.flatten(2).transpose(1, 2)` in PyTorch: a position's channels
 * become what `linear`, `layerNorm` and losses work on. Costs nothing: the engine's pictures lie so already.
 */
export function channelsLast(): Layer {
  return channelsLastType.create({});
}
