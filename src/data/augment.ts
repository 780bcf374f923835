/**
 * Random changes to training pictures, drawn anew whenever a picture is read: random crops of the padded picture and
 * mirroring, as torchvision's RandomCrop(H, padding) and RandomHorizontalFlip.
 *
 * **Privacy.** A changed picture is a function of its own record and of public randomness alone, under a key that
 * nothing else uses: one record still moves a clipped sum by at most the sensitivity.
 */
import { elementCount, showShape } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { DataError, type Dataset } from "./dataset.js";

export interface Augmentation {
  /** Black is put around the picture, `padding` pixels wide, and a part of the old size cut out at random. */
  readonly crop?: { readonly padding: number } | undefined;
  /** Mirrors left and right with probability 1/2. */
  readonly flip?: boolean | undefined;
}

const paddingRange = { min: 0, max: 1024, integer: true };

/** What augmentation draws on: `RandomKeys.stream("augmentation")`. */
export interface UniformNumbers {
  /** A double in [0, 1). */
  uniform(): number;
}

/** How a picture is changed: moved down and right by so many pixels (or up and left), then mirrored or not. */
interface Change {
  readonly down: number;
  readonly right: number;
  readonly mirror: boolean;
}

/**
 * A dataset whose pictures are changed as `augmentation` says. Every picture takes the same number of draws, in the order
 * of reading. Throws a DataError unless examples are `[C, H, W]`.
 */
export class AugmentedDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind: Dataset["targetKind"];
  readonly targetElements: number;
  readonly weights: Dataset["weights"];
  readonly blank: Dataset["blank"];
  private readonly padding: number;
  private readonly mirrors: boolean;
  private readonly original: Float32Array;

  constructor(
    private readonly dataset: Dataset,
    { crop, flip = false }: Augmentation,
    private readonly random: UniformNumbers,
  ) {
    const { size, inputShape, targetKind, targetElements, weights, blank } = dataset;
    if (inputShape.length !== 3) {
      throw new DataError(`augmentation: examples of ${showShape(inputShape)} given, pictures [C, H, W] allowed`);
    }
    checkNumber("augmentation.crop.padding", crop === undefined ? 0 : crop?.padding, paddingRange);
    if (typeof flip !== "boolean") {
      throw new TypeError(`augmentation.flip: got ${JSON.stringify(flip)}, expected true or false`);
    }
    this.size = size;
    this.inputShape = inputShape;
    this.targetKind = targetKind;
    this.targetElements = targetElements;
    this.weights = weights;
    this.blank = blank;
    this.padding = crop?.padding ?? 0;
    this.mirrors = flip;
    this.original = new Float32Array(elementCount(inputShape));
  }

  read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void | Promise<void> {
    const changes = Array.from({ length: indices.length }, () => this.draw());
    const reading = this.dataset.read(indices, inputs, targets);
    const apply = () => {
      for (const [row, change] of changes.entries()) this.apply(change, inputs, row * this.original.length);
    };
    return reading instanceof Promise ? reading.then(apply) : apply();
  }

  /** Draws what reading `examples` pictures would, and reads none. */
  skip(examples: number): void {
    for (let i = 0; i < examples; i++) this.draw();
  }

  private draw(): Change {
    const shift = () => Math.floor(this.random.uniform() * (2 * this.padding + 1)) - this.padding;
    return { down: shift(), right: shift(), mirror: this.random.uniform() < 0.5 && this.mirrors };
  }

  private apply({ down, right, mirror }: Change, inputs: Float32Array, start: number): void {
    if (down === 0 && right === 0 && !mirror) return;
    const [channels, height, width] = this.inputShape as readonly [number, number, number];
    const { original } = this;
    original.set(inputs.subarray(start, start + original.length));
    for (let line = 0; line < channels * height; line++) {
      const y = line % height;
      const blank = this.blank?.[(line - y) / height] ?? 0;
      const from = y - down >= 0 && y - down < height ? (line - down) * width : undefined;
      const to = inputs.subarray(start + line * width, start + (line + 1) * width);
      if (from === undefined) to.fill(blank);
      else moveLine(original.subarray(from, from + width), to, right, blank);
      if (mirror) to.reverse();
    }
  }
}

function moveLine(from: Float32Array, to: Float32Array, right: number, blank: number): void {
  to.fill(blank);
  if (Math.abs(right) >= from.length) return;
  to.set(right < 0 ? from.subarray(-right) : from.subarray(0, from.length - right), Math.max(0, right));
}
