import { z } from "zod";
import { GraphBuilder, type Value } from "../graph/builder.js";
import type { Layer } from "../graph/layer.js";
import { adaptiveAvgPool2d, conv2d, dropout, flatten, groupNorm, linear, maxPool2d, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";
import { requireLeastSides } from "./sides.js";

const options = {
  inputShape: z.tuple([count, count, count]).default([3, 32, 32]),
  classes: count.default(10),
  /** Channels of the first stage; those after it have 2, 4, 8 and 8 times as many. */
  width: count.default(64),
  /** Groups of the norm behind every convolution; 0: no norms, torchvision's vgg11 rather than vgg11_bn. */
  groups: z.int().min(0).default(32),
  /** Height and width that the features are averaged to; torchvision's is 7. */
  poolSize: count.default(1),
  /** Widths of the classifier's hidden layers; torchvision's are 4096 and 4096. */
  hidden: z.array(count).default([512, 512]),
  /** Of the hidden layers; torchvision's is 0.5. */
  dropout: z.number().min(0).lt(1).default(0),
};

type Options = z.output<z.ZodObject<typeof options>>;

function features(convolutions: readonly number[], { width, groups }: Options): Layer[] {
  return convolutions.flatMap((count, stage) => {
    const channels = width * Math.min(2 ** stage, 8);
    const norm = groups > 0 ? [groupNorm(groups)] : [];
    const unit = () => [conv2d(channels, 3, { padding: 1 }), ...norm, relu()];
    return [...Array.from({ length: count }, unit).flat(), maxPool2d(2)];
  });
}

function build(name: string, convolutions: readonly number[], options: Options) {
  const { inputShape, classes, poolSize, hidden, dropout: rate } = options;
  requireLeastSides(name, inputShape, 2 ** convolutions.length);
  const graph = new GraphBuilder();
  const chain = (folder: string, layers: readonly Layer[], from: Value) =>
    layers.reduce((value, layer, i) => graph.add(layer, value, `${folder}.${i}`), from);
  const pictures = chain("features", features(convolutions, options), graph.input(inputShape));
  const pooled = graph.add(flatten(), graph.add(adaptiveAvgPool2d(poolSize), pictures, "avgpool"));
  const body = hidden.flatMap((size) => [linear(size), relu(), dropout(rate)]);
  return graph.build(chain("classifier", [...body, linear(classes)], pooled));
}

const vgg = (name: string, convolutions: readonly number[]) =>
  defineModel({ name, options, build: (given) => build(name, convolutions, given) });

/**
 * Simonyan & Zisserman 2015, with group norms or without. Parameters have torchvision's names (`features.0.weight`,
 * `classifier.0.weight`), and its shapes too with `{inputShape: [3, 224, 224], classes: 1000, poolSize: 7,
 * hidden: [4096, 4096]}`.
 */
export const vgg11 = vgg("vgg11", [1, 1, 2, 2, 2]);
/** As `vgg11`, deeper. */
export const vgg13 = vgg("vgg13", [2, 2, 2, 2, 2]);
/** As `vgg11`, deeper. */
export const vgg16 = vgg("vgg16", [2, 2, 3, 3, 3]);
/** As `vgg11`, deeper. */
export const vgg19 = vgg("vgg19", [2, 2, 4, 4, 4]);
