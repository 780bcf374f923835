import { z } from "zod";
import { sequential } from "../graph/builder.js";
import { flatten, linear, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

/** Flatten, then linear layers with ReLU between them: 784 → 1000 → 1000 → 10 by default. */
export const mlp = defineModel({
  name: "mlp",
  options: {
    inputShape: z.array(count).min(1).max(4).default([1, 28, 28]),
    hidden: z.array(count).default([1000, 1000]),
    outputs: count.default(10),
  },
  build({ inputShape, hidden, outputs }) {
    const body = hidden.flatMap((width) => [linear(width), relu()]);
    return sequential(inputShape, [flatten(), ...body, linear(outputs)]);
  },
});
