import { z } from "zod";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { add, conv2d, flatten, globalAvgPool2d, groupNorm, linear, relu } from "../layers/index.js";
import { count } from "../layers/options.js";
import { defineModel } from "./define.js";

const options = {
  inputShape: z.tuple([count, count, count]).default([3, 32, 32]),
  classes: count.default(10),
  /** Layers: 4 and a multiple of 6, at least 10. */
  depth: z
    .int()
    .min(10)
    .refine((depth) => depth % 6 === 4, "expected 10, 16, 22, 28, …")
    .default(16),
  /** How many times 16 channels the first stage has. */
  width: count.default(4),
  /** Of every group norm. */
  groups: count.default(16),
  weightStandardization: z.boolean().default(true),
};

type Options = z.output<z.ZodObject<typeof options>>;

/** Layers that differ from place to place by width and stride alone. */
class Net {
  readonly graph = new GraphBuilder();

  constructor(private readonly options: Options) {}

  convolution(from: Value, channels: number, kernel: number, stride: number, path: string): Value {
    const { weightStandardization } = this.options;
    const padding = (kernel - 1) / 2;
    return this.graph.add(
      conv2d(channels, kernel, { stride, padding, bias: false, weightStandardization }),
      from,
      path,
    );
  }

  activated(from: Value, norm: string): Value {
    return this.graph.add(relu(), this.graph.add(groupNorm(this.options.groups), from, norm));
  }

  /** Norms come before convolutions; where the width changes, the shortcut begins behind the first norm. */
  block(from: Value, channels: number, stride: number, path: string): Value {
    const first = this.activated(from, `${path}.bn1`);
    const middle = this.activated(this.convolution(first, channels, 3, stride, `${path}.conv1`), `${path}.bn2`);
    const branch = this.convolution(middle, channels, 3, 1, `${path}.conv2`);
    const same = from.shape[0] === channels;
    const shortcut = same ? from : this.convolution(first, channels, 1, stride, `${path}.convShortcut`);
    return this.graph.add(add(), [shortcut, branch]);
  }
}

/**
 * Wide residual network (Zagoruyko & Komodakis 2016) as De et al. 2022 train it privately: group norms and standardised
 * weights; by default WRN-16-4. Parameters have the names and shapes of github.com/xternalz/WideResNet-pytorch, whose
 * batch norms `bn1` and `bn2` are group norms here.
 */
export const wideResnet = defineModel({
  name: "wide-resnet",
  options,
  build(given) {
    const net = new Net(given);
    const blocks = (given.depth - 4) / 6;
    let value = net.convolution(net.graph.input(given.inputShape), 16, 3, 1, "conv1");
    for (const stage of [1, 2, 3]) {
      for (let i = 0; i < blocks; i++) {
        const stride = i === 0 && stage > 1 ? 2 : 1;
        value = net.block(value, 8 * given.width * 2 ** stage, stride, `block${stage}.layer.${i}`);
      }
    }
    const pooled = net.graph.add(globalAvgPool2d(), net.activated(value, "bn1"));
    return net.graph.build(net.graph.add(linear(given.classes), net.graph.add(flatten(), pooled), "fc"));
  },
});
