import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const tanhType = defineLayer({
  type: "tanh",
  kind: "Tanh",
  options: {},
  infer: (_, { input }) => ({ outputShape: input, attributes: {}, parameters: [] }),
});

/** tanh(x), element by element. */
export function tanh(): Layer {
  return tanhType.create({});
}
