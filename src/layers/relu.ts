import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const reluType = defineLayer({
  type: "relu",
  kind: "ReLU",
  options: {},
  infer: (_, { input }) => ({ outputShape: input, attributes: {}, parameters: [] }),
});

/** max(x, 0), element by element. */
export function relu(): Layer {
  return reluType.create({});
}
