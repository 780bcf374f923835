/** What a session computes on: examples in typed arrays, checked, and cut into slices of bounded size. */

import { describe } from "../arguments.js";
import type { Targets } from "../native/binding.js";

/** Examples in the caller's arrays. They are copied before a call returns its promise's first turn: see `Session`. */
export interface Batch {
  /**
   * [size, input elements], each example in PyTorch's order ([C, H, W] for pictures); with augmentation multiplicity K
   * [size, K, input elements], and the targets alike.
   */
  readonly inputs: Float32Array;
  /** [size, target elements]: Int32Array of class indices, or Float32Array of values, as the loss wants them. */
  readonly targets: Targets;
  /**
   * [size] factors of the examples' clipped gradients: finite, from 0 to `clipping.maxWeight`. Public, as that is; all 1
   * where absent.
   */
  readonly weights?: Float32Array | null | undefined;
  /** Number of examples; 0 is a batch like any other (an empty Poisson sample). */
  readonly size: number;
}

/** A batch to be looked at, not learned from: its targets may be left out, and each example is one view. */
export interface EvaluationBatch extends Omit<Batch, "targets"> {
  readonly targets?: Targets | null;
}

/** One logical batch: whole, or as slices that are read one after the other, so that its size is bounded by nothing. */
export type BatchSource = Batch | Iterable<Batch> | AsyncIterable<Batch>;
export type EvaluationSource = EvaluationBatch | Iterable<EvaluationBatch> | AsyncIterable<EvaluationBatch>;

/** What one example is, as the native session says. */
export interface ExampleShape {
  readonly inputElements: number;
  readonly targetElements: number;
  readonly targetKind: "classes" | "values";
  /** The largest weight that the clipping configuration declares. */
  readonly maxWeight: number;
}

export const MOST_EXAMPLES = 2 ** 31 - 1;

/** @throws TypeError or RangeError that names the field, what came and what is allowed. */
export function checkBatch(batch: EvaluationBatch, shape: ExampleShape, needsTargets: boolean): void {
  if (typeof batch !== "object" || batch === null) {
    throw new TypeError(`batch: got ${describe(batch)}, expected {inputs, targets, size}`);
  }
  const { inputs, targets, size, weights } = batch;
  if (!Number.isInteger(size) || size < 0 || size > MOST_EXAMPLES) {
    throw new RangeError(`batch.size: got ${describe(size)}, expected a whole number from 0 to ${MOST_EXAMPLES}`);
  }
  checkArray("batch.inputs", inputs, Float32Array, size, shape.inputElements);
  checkWeights(weights ?? null, size, shape.maxWeight);
  if (!needsTargets && (targets === undefined || targets === null)) return;
  const type = shape.targetKind === "classes" ? Int32Array : Float32Array;
  checkArray("batch.targets", targets, type, size, shape.targetElements);
}

function checkWeights(weights: Float32Array | null, size: number, most: number): void {
  if (weights === null) {
    if (most >= 1) return;
    throw new RangeError(
      `batch.weights: got nothing, expected Float32Array of ${size}: without weights each example counts 1, more than ` +
        `clipping.maxWeight ${most} allows`,
    );
  }
  checkArray("batch.weights", weights, Float32Array, size, 1);
  // NaN is in no range.
  const wrong = weights.findIndex((weight) => !(weight >= 0 && weight <= most));
  if (wrong === -1) return;
  throw new RangeError(
    `batch.weights[${wrong}]: got ${weights[wrong]}, expected a number from 0 to clipping.maxWeight, ${most}`,
  );
}

type ArrayType = Float32ArrayConstructor | Int32ArrayConstructor;

function checkArray(name: string, value: unknown, type: ArrayType, size: number, elements: number): void {
  const expected = `${type.name} of ${size * elements} (${size} examples of ${elements})`;
  if (!(value instanceof type)) throw new TypeError(`${name}: got ${describe(value)}, expected ${expected}`);
  if (value.length === size * elements) return;
  const detached = value.buffer.byteLength === 0 ? "; its buffer is empty: was it transferred away?" : "";
  throw new RangeError(`${name}: got ${describe(value)}, expected ${expected}${detached}`);
}

/** Whether the source is slices, and not one batch. */
export function isSliced<B extends EvaluationBatch>(
  source: B | Iterable<B> | AsyncIterable<B>,
): source is Iterable<B> | AsyncIterable<B> {
  return typeof source === "object" && source !== null && (Symbol.iterator in source || Symbol.asyncIterator in source);
}

/**
 * The source's examples in slices of at most `most`, views of the caller's arrays, each checked before it is yielded.
 * A batch of no examples yields none.
 */
export async function* slices<B extends EvaluationBatch>(
  source: B | Iterable<B> | AsyncIterable<B>,
  shape: ExampleShape,
  most: number,
  needsTargets: boolean,
): AsyncGenerator<B, void, void> {
  for await (const batch of isSliced(source) ? source : [source]) {
    checkBatch(batch, shape, needsTargets);
    for (let from = 0; from < batch.size; from += most)
      yield cut(batch, from, Math.min(from + most, batch.size), shape);
  }
}

function cut<B extends EvaluationBatch>(batch: B, from: number, to: number, shape: ExampleShape): B {
  if (from === 0 && to === batch.size) return batch;
  const { inputElements, targetElements } = shape;
  return {
    ...batch,
    inputs: batch.inputs.subarray(from * inputElements, to * inputElements),
    targets: batch.targets?.subarray(from * targetElements, to * targetElements) ?? null,
    ...(batch.weights ? { weights: batch.weights.subarray(from, to) } : {}),
    size: to - from,
  };
}
