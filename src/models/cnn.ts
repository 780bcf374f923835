import { z } from "zod";
import { sequential } from "../graph/builder.js";
import { conv2d, flatten, linear, maxPool2d, relu, tanh } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

const activations = { relu, tanh };

/**
 * Convolutions of stride 1 that keep the picture's size (an odd kernel) or nearly so, each with an activation and a
 * pool; then linear layers. Parameters are named as in torch.nn.Sequential.
 */
export const cnn = defineModel({
  name: "cnn",
  options: {
    inputShape: z.tuple([count, count, count]).default([1, 28, 28]),
    /** Of each convolution's output. */
    channels: z.array(count).min(1).default([16, 32]),
    /** One for all convolutions, or a list: one for each. Padding is half of it. */
    kernels: z.union([count, z.array(count)]).default(3),
    /** Height, width and stride of the pools; 1: none. */
    pool: count.default(2),
    /** Widths of the linear layers before the last. */
    hidden: z.array(count).default([64]),
    activation: z.enum(["relu", "tanh"]).default("relu"),
    classes: count.default(10),
  },
  build({ inputShape, channels, kernels, pool, hidden, activation, classes }) {
    const sizes = typeof kernels === "number" ? channels.map(() => kernels) : kernels;
    if (sizes.length !== channels.length) {
      throw new TypeError(
        `cnn.kernels: got ${sizes.length} of them for ${channels.length} channels; allowed is one, or one a convolution`,
      );
    }
    const act = activations[activation];
    const stages = channels.flatMap((width, i) => {
      const kernel = sizes[i] as number;
      const convolution = conv2d(width, kernel, { padding: Math.floor(kernel / 2) });
      return [convolution, act(), ...(pool > 1 ? [maxPool2d(pool)] : [])];
    });
    const head = hidden.flatMap((width) => [linear(width), act()]);
    return sequential(inputShape, [...stages, flatten(), ...head, linear(classes)]);
  },
});
