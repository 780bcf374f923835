import { sequential } from "../graph/builder.js";
import { conv2d, flatten, linear, maxPool2d, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

/** The network of Opacus' MNIST example, for pictures of 1×28×28. */
export const mnistCnn = defineModel({
  name: "mnist-cnn",
  options: { classes: count.default(10) },
  build: ({ classes }) =>
    sequential(
      [1, 28, 28],
      [
        conv2d(16, 8, { stride: 2, padding: 3 }),
        relu(),
        maxPool2d(2, { stride: 1 }),
        conv2d(32, 4, { stride: 2 }),
        relu(),
        maxPool2d(2, { stride: 1 }),
        flatten(),
        linear(32),
        relu(),
        linear(classes),
      ],
    ),
});
