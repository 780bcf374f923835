import { z } from "zod";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { channelsLast, concat, conv2d, groupNorm, maxPool2d, relu, upsample2d } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";
import { requireDivisibleSides } from "./sides.js";

const DEPTH = 4;

/**
 * Nested U-Net (UNet++, Zhou et al. 2018), bilinear upsampling, group norms, without deep supervision. Block `convI_J`
 * stands I stages down, J steps along its skip connection, and sees every block before it on that connection. Parameters
 * have the names and shapes of github.com/4uiiurz1/pytorch-nested-unet, `bn` a group norm. Height and width must be
 * divisible by 16. The output is `[height·width, classes]`, a position a pixel.
 */
export const nestedUnet = defineModel({
  name: "nested-unet",
  options: {
    inputShape: z.tuple([count, count, count]).default([1, 128, 128]),
    classes: count.default(9),
    /** Channels of the first stage; each of the four deeper ones has twice as many as the one above. */
    features: count.default(32),
    /** Of every group norm. */
    groups: count.default(8),
  },
  build({ inputShape, classes, features, groups }) {
    requireDivisibleSides("nested-unet", inputShape, 2 ** DEPTH);
    const graph = new GraphBuilder();
    const unit = (from: Value, stage: number, path: string, i: number) => {
      const convolved = graph.add(conv2d(features * 2 ** stage, 3, { padding: 1 }), from, `${path}.conv${i}`);
      return graph.add(relu(), graph.add(groupNorm(groups), convolved, `${path}.bn${i}`), `${path}.relu${i}`);
    };
    const block = (from: Value, stage: number, step: number) => {
      const path = `conv${stage}_${step}`;
      return unit(unit(from, stage, path, 1), stage, path, 2);
    };
    const joined = (skipped: readonly Value[], below: Value, place: string) => {
      const up = graph.add(upsample2d({ scale: 2, mode: "bilinear", alignCorners: true }), below, `up${place}`);
      return graph.add(concat(), [...skipped, up], `concat${place}`);
    };

    const stages: Value[][] = [];
    let value: Value = graph.input(inputShape);
    for (let deepest = 0; deepest <= DEPTH; deepest++) {
      if (deepest > 0) value = graph.add(maxPool2d(2), stages[deepest - 1]?.[0] as Value, `pool${deepest}`);
      value = block(value, deepest, 0);
      stages.push([value]);
      for (let stage = deepest - 1; stage >= 0; stage--) {
        const skipped = stages[stage] as Value[];
        value = block(joined(skipped, value, `${stage}_${skipped.length}`), stage, skipped.length);
        skipped.push(value);
      }
    }
    return graph.build(graph.add(channelsLast(), graph.add(conv2d(classes, 1), value, "final")));
  },
});
