/** Examples kept in memory and normalised when they are read; as bytes, where they were, a quarter of float32's memory. */
import { checkKind, checkObject } from "../arguments.js";
import { elementCount, showShape } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkExtents, checkIndex, checkRoom, DataError, type Dataset } from "./dataset.js";
import { type Normalization, Normalizer, unitRange } from "./normalization.js";

/** What examples are kept as. */
export type Pixels = Uint8Array | Float32Array;

export interface ArrayDatasetOptions {
  /** `[size, ...inputShape]`, row-major. Kept, not copied. */
  readonly inputs: Pixels;
  readonly inputShape: readonly number[];
  /** `[size, ...targetShape]`: class indices, or values where they are floats. Kept, not copied. */
  readonly targets: Uint8Array | Int32Array | Float32Array;
  /** `[]` by default: one target an example. */
  readonly targetShape?: readonly number[] | undefined;
  /** Of bytes, x / 255 by default; of floats, x. */
  readonly normalization?: Normalization | undefined;
}

/**
 * A dataset of arrays. Throws a DataError if the counts of inputs and targets differ, a shape is not made of positive
 * integers, or the normalisation does not fit.
 */
export class ArrayDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind: Dataset["targetKind"];
  readonly targetElements: number;
  readonly targetShape: readonly number[];
  readonly blank: readonly number[];
  private readonly inputs: Pixels;
  protected readonly targets: ArrayDatasetOptions["targets"];
  private readonly stride: number;
  private readonly normalizer: Normalizer;

  constructor(options: ArrayDatasetOptions) {
    checkObject("options", options, "an object of inputs, inputShape, targets, targetShape, normalization");
    const { inputs, inputShape, targets, targetShape = [], normalization = unitRange } = options;
    checkKind("inputs", inputs, Uint8Array, Float32Array);
    checkKind("targets", targets, Uint8Array, Int32Array, Float32Array);
    checkExtents("inputShape", inputShape, 1);
    checkExtents("targetShape", targetShape, 0);
    this.stride = elementCount(inputShape);
    this.targetElements = elementCount(targetShape);
    this.size = targets.length / this.targetElements;
    if (inputs.length !== this.size * this.stride) {
      throw new DataError(
        `inputs: ${inputs.length} numbers are ${inputs.length / this.stride} examples of ${showShape(inputShape)}, ` +
          `but there are ${this.size} labels`,
      );
    }
    this.inputShape = inputShape;
    this.inputs = inputs;
    this.targets = targets;
    this.targetShape = targetShape;
    this.targetKind = targets instanceof Float32Array ? "values" : "classes";
    this.normalizer = new Normalizer(normalization, inputShape, inputs instanceof Uint8Array ? 255 : 1);
    this.blank = this.normalizer.blank;
  }

  read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void {
    checkRoom(this, indices, inputs, targets);
    for (let row = 0; row < indices.length; row++) this.readOne(indices[row] as number, row, inputs, targets);
  }

  private readOne(index: number, row: number, inputs: Float32Array, targets: Targets): void {
    checkIndex(this, index);
    this.normalizer.write(this.inputs, index * this.stride, inputs, row * this.stride);
    const from = index * this.targetElements;
    const to = row * this.targetElements;
    for (let i = 0; i < this.targetElements; i++) targets[to + i] = this.targets[from + i] as number;
  }
}

export interface ByteDatasetOptions {
  /** `[size, ...inputShape]`, row-major. Kept, not copied. */
  readonly inputs: Uint8Array;
  readonly inputShape: readonly number[];
  /** One class index an example. */
  readonly labels: Uint8Array | Int32Array;
  readonly normalization?: Normalization | undefined;
}

/** A dataset of byte pictures with one class each. Throws as `ArrayDataset` does. */
export class ByteDataset extends ArrayDataset {
  constructor(given: ByteDatasetOptions) {
    checkObject("options", given, "an object of inputs, inputShape, labels, normalization");
    const { labels, ...options } = given;
    checkKind("labels", labels, Uint8Array, Int32Array);
    super({ ...options, targets: labels });
  }

  /** Number of classes: the largest label plus one; 0 for an empty dataset. */
  get classes(): number {
    let largest = -1;
    for (const label of this.targets) largest = Math.max(largest, label);
    return largest + 1;
  }
}
