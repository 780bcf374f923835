import { z } from "zod";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { channelsLast, concat, conv2d, convTranspose2d, groupNorm, maxPool2d, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";
import { requireDivisibleSides } from "./sides.js";

const DEPTH = 4;

/**
 * Ronneberger et al. 2015 with padded convolutions, group norms and transposed convolutions on the way up. Parameters
 * have the names and shapes of github.com/mateuszbuda/brain-segmentation-pytorch. Height and width must be divisible by
 * 16. The output is `[height·width, classes]`, which `crossEntropy` takes one class a pixel for.
 */
export const unet = defineModel({
  name: "unet",
  options: {
    inputShape: z.tuple([count, count, count]).default([1, 128, 128]),
    classes: count.default(9),
    /** Channels of the first stage; each of the four deeper ones has twice as many as the one above. */
    features: count.default(32),
    /** Of every group norm. */
    groups: count.default(8),
  },
  build({ inputShape, classes, features, groups }) {
    requireDivisibleSides("unet", inputShape, 2 ** DEPTH);
    const graph = new GraphBuilder();
    const unit = (from: Value, width: number, path: string, i: number) => {
      const convolved = graph.add(conv2d(width, 3, { padding: 1, bias: false }), from, `${path}conv${i}`);
      return graph.add(relu(), graph.add(groupNorm(groups), convolved, `${path}norm${i}`), `${path}relu${i}`);
    };
    const block = (from: Value, width: number, path: string) => unit(unit(from, width, path, 1), width, path, 2);

    let value: Value = graph.input(inputShape);
    const skipped: Value[] = [];
    for (let stage = 1; stage <= DEPTH; stage++) {
      skipped.push(block(value, features * 2 ** (stage - 1), `encoder${stage}.enc${stage}`));
      value = graph.add(maxPool2d(2), skipped.at(-1) as Value, `pool${stage}`);
    }
    value = block(value, features * 2 ** DEPTH, "bottleneck.bottleneck");
    for (let stage = DEPTH; stage >= 1; stage--) {
      const width = features * 2 ** (stage - 1);
      const wider = graph.add(convTranspose2d(width, 2, { stride: 2 }), value, `upconv${stage}`);
      const both = graph.add(concat(), [wider, skipped[stage - 1] as Value]);
      value = block(both, width, `decoder${stage}.dec${stage}`);
    }
    return graph.build(graph.add(channelsLast(), graph.add(conv2d(classes, 1), value, "conv")));
  },
});
