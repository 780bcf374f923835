/**
 * What training reads from: a numbered collection of examples that writes any choice of them, normalised, into the
 * caller's typed arrays. An example is the unit of privacy, so a dataset never mixes two of them.
 */
import { checkChoice, checkKind, checkMethods, checkNumbers, describe, preview } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";

export type TargetKind = "classes" | "values";

/** A malformed file, an index out of range, files that do not belong together. The message names which. */
export class DataError extends Error {
  override readonly name: string = "DataError";
}

export interface Dataset {
  /** Number of examples. */
  readonly size: number;
  /** Of one example, PyTorch's order: `[C, H, W]` for pictures. */
  readonly inputShape: readonly number[];
  /** `classes`: int32 class indices; `values`: float32 targets. */
  readonly targetKind: TargetKind;
  /** Targets of one example. */
  readonly targetElements: number;
  /** Of one example's targets. Where it is a picture's `[H, W]`, they lie on its pixels. `[]` or absent: nowhere. */
  readonly targetShape?: readonly number[] | undefined;
  /**
   * [size] factors of the examples' clipped gradients, from 0 to the configuration's `clipping.maxWeight`. Public: they
   * must not be taken from the private data. All 1 where absent.
   */
  readonly weights?: Float32Array | undefined;
  /** [C] of pictures: what a black pixel is in `read`'s floats, which padding is made of. All 0 where absent. */
  readonly blank?: readonly number[] | undefined;
  /**
   * Writes example `indices[i]` to row i of `inputs` ([indices.length, ...inputShape]) and of `targets`
   * ([indices.length, targetElements]). The arrays may be longer than that; what lies behind is left alone.
   * Throws a DataError for an index outside 0 … size − 1 or an array that is too short.
   */
  read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void | Promise<void>;
}

const SIZES = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
const targetKinds: readonly TargetKind[] = ["classes", "values"];

/** @throws TypeError or RangeError naming what a data set lacks. */
export function checkDataset(name: string, dataset: Dataset): void {
  checkMethods(name, dataset, ["read"], "a dataset such as an ArrayDataset");
  checkNumber(`${name}.size`, dataset.size, SIZES);
  checkExtents(`${name}.inputShape`, dataset.inputShape, 1);
  checkChoice(`${name}.targetKind`, dataset.targetKind, targetKinds);
  checkNumber(`${name}.targetElements`, dataset.targetElements, { ...SIZES, min: 1 });
}

/** Throws a DataError unless the shape is made of positive integers, at least so many. */
export function checkExtents(name: string, shape: readonly number[], least: 0 | 1): void {
  const isExtent = (length: unknown) => Number.isSafeInteger(length) && (length as number) > 0;
  if (Array.isArray(shape) && shape.length >= least && shape.every(isExtent)) return;
  throw new DataError(`${name}: ${preview(shape)} given, positive integers allowed`);
}

/** The same examples, each with a public weight; see `Dataset.weights`. Throws a DataError unless there is one each. */
export function withWeights(dataset: Dataset, weights: Float32Array): Dataset {
  checkDataset("dataset", dataset);
  checkKind("weights", weights, Float32Array);
  if (weights.length !== dataset.size) {
    throw new DataError(`weights: ${weights.length} given, but there are ${dataset.size} examples`);
  }
  const { size, inputShape, targetKind, targetElements, targetShape, blank } = dataset;
  const read: Dataset["read"] = (indices, inputs, targets) => dataset.read(indices, inputs, targets);
  return { size, inputShape, targetKind, targetElements, targetShape, blank, weights, read };
}

/** A targets array of the kind that the dataset wants, for `examples` examples. */
export function makeTargets(dataset: Pick<Dataset, "targetKind" | "targetElements">, examples: number): Targets {
  const length = examples * dataset.targetElements;
  return dataset.targetKind === "classes" ? new Int32Array(length) : new Float32Array(length);
}

/** Throws a DataError unless the dataset has an example `index`. */
export function checkIndex({ size }: Pick<Dataset, "size">, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return;
  throw new DataError(`indices: ${describe(index)} given, 0 … ${size - 1} allowed`);
}

/** Throws a TypeError or DataError unless `inputs` and `targets` hold the examples of `indices`, a list. */
export function checkRoom(dataset: Dataset, indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void {
  checkNumbers("indices", indices);
  checkKind("inputs", inputs, Float32Array);
  checkKind("targets", targets, Int32Array, Float32Array);
  const examples = indices.length;
  const wantedInputs = examples * elementCount(dataset.inputShape);
  if (inputs.length < wantedInputs) {
    throw new DataError(`inputs: ${inputs.length} floats given, ${examples} examples need ${wantedInputs}`);
  }
  const wantedTargets = examples * dataset.targetElements;
  if (targets.length < wantedTargets) {
    throw new DataError(`targets: ${targets.length} elements given, ${examples} examples need ${wantedTargets}`);
  }
  const rightKind = dataset.targetKind === "classes" ? targets instanceof Int32Array : targets instanceof Float32Array;
  if (!rightKind) {
    const wanted = dataset.targetKind === "classes" ? "Int32Array" : "Float32Array";
    throw new DataError(
      `targets: ${targets.constructor.name} given, targets of kind ${dataset.targetKind} need ${wanted}`,
    );
  }
}
