import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const leakyReluType = defineLayer({
  type: "leakyRelu",
  kind: "LeakyReLU",
  // Not negative: the backward pass tells the sides apart by the sign of the output.
  options: { slope: z.number().nonnegative().default(0.01) },
  infer: ({ slope }, { input }) => ({ outputShape: input, attributes: { slope }, parameters: [] }),
});

export interface LeakyReluOptions {
  /** Below zero; at least 0, default 0.01. */
  readonly slope?: number;
}

/** x above zero, slope·x below. */
export function leakyRelu(options: LeakyReluOptions = {}): Layer {
  return leakyReluType.create(options);
}
