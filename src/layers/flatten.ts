import type { Layer } from "../graph/layer.js";
import { elementCount } from "../graph/shape.js";
import { defineLayer } from "./define.js";

export const flattenType = defineLayer({
  type: "flatten",
  kind: "Flatten",
  options: {},
  infer: (_, { input }) => ({ outputShape: [elementCount(input)], attributes: {}, parameters: [] }),
});

/** torch.nn.Flatten: any shape to `[elements]`, in PyTorch's order. */
export function flatten(): Layer {
  return flattenType.create({});
}
