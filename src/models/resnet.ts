import { z } from "zod";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { add, conv2d, flatten, globalAvgPool2d, groupNorm, linear, maxPool2d, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

const options = {
  /** Pictures; default 3×32×32, with the stem `imagenet` 3×224×224. */
  inputShape: z.tuple([count, count, count]).optional(),
  classes: count.default(10),
  /** `cifar`: a 3×3 convolution; `imagenet`: torchvision's 7×7 of stride 2 and a pool. */
  stem: z.enum(["cifar", "imagenet"]).default("cifar"),
  /** Channels of the first stage; each of the three others has twice as many as the one before. */
  width: count.default(64),
  /** Of every group norm. */
  groups: count.default(32),
};

type Options = z.output<z.ZodObject<typeof options>>;

interface Block {
  /** How many times wider its output is than its 3×3 convolutions. */
  readonly expansion: number;
  build(net: Net, path: string, from: Value, width: number, stride: number): Value;
}

/** Convolution and norm in torchvision's names: `conv1` and `bn1`, which holds a group norm here. */
class Net {
  readonly graph = new GraphBuilder();

  constructor(private readonly groups: number) {}

  normalised(from: Value, width: number, kernel: number, stride: number, conv: string, norm: string): Value {
    const padding = (kernel - 1) / 2;
    const convolved = this.graph.add(conv2d(width, kernel, { stride, padding, bias: false }), from, conv);
    return this.graph.add(groupNorm(this.groups), convolved, norm);
  }

  relu(from: Value): Value {
    return this.graph.add(relu(), from);
  }

  /** relu(branch + shortcut), the shortcut a 1×1 convolution where shapes differ. */
  join(path: string, branch: Value, from: Value, stride: number): Value {
    const width = branch.shape[0] as number;
    const same = stride === 1 && from.shape[0] === width;
    const shortcut = same
      ? from
      : this.normalised(from, width, 1, stride, `${path}.downsample.0`, `${path}.downsample.1`);
    return this.relu(this.graph.add(add(), [branch, shortcut]));
  }
}

const basic: Block = {
  expansion: 1,
  build(net, path, from, width, stride) {
    const first = net.relu(net.normalised(from, width, 3, stride, `${path}.conv1`, `${path}.bn1`));
    return net.join(path, net.normalised(first, width, 3, 1, `${path}.conv2`, `${path}.bn2`), from, stride);
  },
};

const bottleneck: Block = {
  expansion: 4,
  build(net, path, from, width, stride) {
    const first = net.relu(net.normalised(from, width, 1, 1, `${path}.conv1`, `${path}.bn1`));
    const second = net.relu(net.normalised(first, width, 3, stride, `${path}.conv2`, `${path}.bn2`));
    return net.join(path, net.normalised(second, 4 * width, 1, 1, `${path}.conv3`, `${path}.bn3`), from, stride);
  },
};

function build(block: Block, blocks: readonly number[], { inputShape, classes, stem, width, groups }: Options) {
  const net = new Net(groups);
  const small = stem === "cifar";
  const image = net.graph.input(inputShape ?? (small ? [3, 32, 32] : [3, 224, 224]));
  let value = net.relu(net.normalised(image, width, small ? 3 : 7, small ? 1 : 2, "conv1", "bn1"));
  if (!small) value = net.graph.add(maxPool2d(3, { stride: 2, padding: 1 }), value, "maxpool");
  blocks.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 && stage > 0 ? 2 : 1;
      value = block.build(net, `layer${stage + 1}.${i}`, value, width * 2 ** stage, stride);
    }
  });
  const pooled = net.graph.add(flatten(), net.graph.add(globalAvgPool2d(), value, "avgpool"));
  return net.graph.build(net.graph.add(linear(classes), pooled, "fc"));
}

const resnet = (name: string, block: Block, blocks: readonly number[]) =>
  defineModel({ name, options, build: (given) => build(block, blocks, given) });

/**
 * Residual networks (He et al. 2016) with group norms. Parameters have the names and shapes of torchvision's
 * `resnet18(norm_layer=lambda channels: GroupNorm(32, channels))`; with `{stem: "imagenet", classes: 1000}` all of them.
 */
export const resnet18 = resnet("resnet18", basic, [2, 2, 2, 2]);
/** As `resnet18`, deeper. */
export const resnet34 = resnet("resnet34", basic, [3, 4, 6, 3]);
/** As torchvision's, of bottlenecks whose stride is in the 3×3 convolution. */
export const resnet50 = resnet("resnet50", bottleneck, [3, 4, 6, 3]);
/** As `resnet50`, deeper. */
export const resnet101 = resnet("resnet101", bottleneck, [3, 4, 23, 3]);
