import { z } from "zod";
import type { Layer } from "../graph/layer.js";
import { defineLayer } from "./define.js";

export const geluType = defineLayer({
  type: "gelu",
  kind: "GELU",
  options: { tanh: z.boolean().default(false) },
  infer: ({ tanh }, { input }) => ({ outputShape: input, attributes: { tanh: tanh ? 1 : 0 }, parameters: [] }),
});

export interface GeluOptions {
  /** True: the approximation by tanh (`approximate="tanh"` in PyTorch); default false: by erf. */
  readonly tanh?: boolean;
}

/** x·Φ(x), element by element. */
export function gelu(options: GeluOptions = {}): Layer {
  return geluType.create(options);
}
