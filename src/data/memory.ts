/**
 * Pictures kept in memory as bytes and normalised when they are read: a quarter of the memory of float32, and the
 * 256 possible results come from a table.
 */
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkRoom, DataError, type Dataset } from "./dataset.js";

/** x ↦ (x / 255 − mean) / std. Public constants: taken from private data they would lie outside ε. */
export interface Normalization {
  readonly mean: number;
  readonly std: number;
}

/** Leaves pixels in 0 … 1. */
export const unitRange: Normalization = { mean: 0, std: 1 };

export interface ByteDatasetOptions {
  /** `[size, ...inputShape]`, row-major. Kept, not copied. */
  readonly inputs: Uint8Array;
  readonly inputShape: readonly number[];
  /** One class index an example. */
  readonly labels: Uint8Array;
  readonly normalization?: Normalization;
}

/**
 * A dataset of byte pictures with one class each. Throws a DataError if the counts of pictures and labels differ, a
 * shape is not made of positive integers, or the deviation is not positive.
 */
export class ByteDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind = "classes";
  readonly targetElements = 1;
  private readonly inputs: Uint8Array;
  private readonly labels: Uint8Array;
  private readonly stride: number;
  private readonly table: Float32Array;

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
    this.table = normalizationTable(normalization);
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
    if (!(Number.isInteger(index) && index >= 0 && index < this.size)) {
      throw new DataError(`indices: ${index} given, 0 … ${this.size - 1} allowed`);
    }
    translate(this.inputs, index * this.stride, this.table, inputs, row * this.stride, this.stride);
    targets[row] = this.labels[index] as number;
  }
}

function normalizationTable({ mean, std }: Normalization): Float32Array {
  if (!Number.isFinite(mean)) throw new DataError(`normalization.mean: ${mean} given, a finite number allowed`);
  if (!(Number.isFinite(std) && std > 0))
    throw new DataError(`normalization.std: ${std} given, a number above 0 allowed`);
  return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / std);
}

/** to[i] = table[from[i]] over a range; a function of its own because engines then keep all of it in registers. */
function translate(
  from: Uint8Array,
  fromStart: number,
  table: Float32Array,
  to: Float32Array,
  toStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = table[from[fromStart + i] as number] as number;
}
