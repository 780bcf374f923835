import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const dropoutType = defineLayer({
  type: "dropout",
  kind: "Dropout",
  options: { rate: z.number().min(0).lt(1).default(0.5) },
  infer: ({ rate }, { input }) => ({ outputShape: input, attributes: { rate }, parameters: [] }),
});

/** In training, zeroes each element with probability `rate` (0 ≤ rate < 1) and scales the rest by 1 / (1 − rate). */
export function dropout(rate = 0.5): Layer {
  return dropoutType.create({ rate });
}
