import { sequential } from "../graph/builder.js";
import { conv2d, flatten, linear, maxPool2d, tanh } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

/**
 * Six 3×3 convolutions with tanh in three pooled stages (32, 64, 128 channels), for pictures of 3×32×32: the network
 * of Papernot et al., Tempered Sigmoid Activations for Deep Learning with Differential Privacy (2020).
 */
export const dpcnn = defineModel({
  name: "dpcnn",
  options: { classes: count.default(10) },
  build({ classes }) {
    const stage = (width: number) => [
      conv2d(width, 3, { padding: 1 }),
      tanh(),
      conv2d(width, 3, { padding: 1 }),
      tanh(),
      maxPool2d(2),
    ];
    const head = [flatten(), linear(128), tanh(), linear(classes)];
    return sequential([3, 32, 32], [...stage(32), ...stage(64), ...stage(128), ...head]);
  },
});
