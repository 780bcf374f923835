/** Pictures kept in memory as bytes and normalised when they are read: a quarter of the memory of float32. */
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkIndex, checkRoom, DataError, type Dataset } from "./dataset.js";
import { type Normalization, Normalizer, unitRange } from "./normalization.js";

export interface ByteDatasetOptions {
  /** `[size, ...inputShape]`, row-major. Kept, not copied. */
  readonly inputs: Uint8Array;
  readonly inputShape: readonly number[];
  /** One class index an example. */
  readonly labels: Uint8Array | Int32Array;
  readonly normalization?: Normalization;
}

/**
 * A dataset of byte pictures with one class each. Throws a DataError if the counts of pictures and labels differ, a
 * shape is not made of positive integers, or the normalisation does not fit.
 */
export class ByteDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind = "classes";
  readonly targetElements = 1;
  readonly blank: readonly number[];
  private readonly inputs: Uint8Array;
  private readonly labels: Uint8Array | Int32Array;
  private readonly stride: number;
  private readonly normalizer: Normalizer;

  constructor(options: ByteDatasetOptions) {
    const { inputs, inputShape, labels, normalization = unitRange } = options;
    if (inputShape.length === 0 || !inputShape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw new DataError(`inputShape: [${inputShape.join(", ")}] given, positive integers allowed`);
    }
    this.stride = elementCount(inputShape);
    if (inputs.length !== labels.length * this.stride) {
      throw new DataError(
        `inputs: ${inputs.length} bytes are ${inputs.length / this.stride} examples of [${inputShape.join(", ")}], ` +
          `but there are ${labels.length} labels`,
      );
    }
    this.size = labels.length;
    this.inputShape = inputShape;
    this.inputs = inputs;
    this.labels = labels;
    this.normalizer = new Normalizer(normalization, inputShape);
    this.blank = this.normalizer.blank;
  }

  /** Number of classes: the largest label plus one; 0 for an empty dataset. */
  get classes(): number {
    let largest = -1;
    for (const label of this.labels) largest = Math.max(largest, label);
    return largest + 1;
  }

  read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void {
    checkRoom(this, indices.length, inputs, targets);
    for (let row = 0; row < indices.length; row++) this.readOne(indices[row] as number, row, inputs, targets);
  }

  private readOne(index: number, row: number, inputs: Float32Array, targets: Targets): void {
    checkIndex(this, index);
    this.normalizer.write(this.inputs, index * this.stride, inputs, row * this.stride);
    targets[row] = this.labels[index] as number;
  }
}
