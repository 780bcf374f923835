import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const sigmoidType = defineLayer({
  type: "sigmoid",
  kind: "Sigmoid",
  options: {},
  infer: (_, { input }) => ({ outputShape: input, attributes: {}, parameters: [] }),
});

/** 1 / (1 + e⁻ˣ), element by element. */
export function sigmoid(): Layer {
  return sigmoidType.create({});
}
