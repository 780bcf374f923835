/**
 * Reads logical batches ahead of the engine. A logical batch of any size comes in slices of bounded size, and two
 * slices' worth of typed arrays serve the whole run: while the engine works on one, the next is read into the other.
 */
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { type Dataset, makeTargets } from "./dataset.js";

export interface Slice {
  /** [examples, input elements]; views of buffers that the next but one slice overwrites. */
  readonly inputs: Float32Array;
  readonly targets: Targets;
  readonly examples: number;
  /** Of the logical batch: 0 for an empty Poisson sample, which is a batch like any other. */
  readonly batchExamples: number;
  /** Whether this slice ends its logical batch. */
  readonly last: boolean;
}

/** Indices of the examples of one logical batch. */
export type Indices = Uint32Array | Int32Array | readonly number[];

const SLICE_BYTES = 16 * 2 ** 20;
const MOST_SLICE_EXAMPLES = 4096;

/** Examples in a slice: as many as fit 16 MiB of inputs, at most 4096, at least one. */
export function sliceExamples(dataset: Pick<Dataset, "inputShape">): number {
  const bytes = 4 * elementCount(dataset.inputShape);
  return Math.max(1, Math.min(MOST_SLICE_EXAMPLES, Math.floor(SLICE_BYTES / bytes)));
}

/**
 * Yields the slices of one batch after another. Call `next()` as soon as the engine has been given a slice, and await
 * it after the engine's promise: reading and computing then overlap. Errors of `batches` and of the dataset reject.
 */
export async function* prefetch(
  dataset: Dataset,
  batches: Iterable<Indices>,
  perSlice: number = sliceExamples(dataset),
): AsyncGenerator<Slice, void, void> {
  const buffers = [new SliceBuffer(dataset, perSlice), new SliceBuffer(dataset, perSlice)] as const;
  let turn: 0 | 1 = 0;
  for (const indices of batches) {
    let from = 0;
    do {
      const chosen = indices.slice(from, from + perSlice);
      from += chosen.length;
      const slice = buffers[turn].read(chosen, indices.length, from >= indices.length);
      turn = turn === 0 ? 1 : 0;
      yield slice instanceof Promise ? await slice : slice;
    } while (from < indices.length);
  }
}

class SliceBuffer {
  private inputs = new Float32Array(0);
  private targets: Targets;
  private readonly stride: number;

  constructor(
    private readonly dataset: Dataset,
    private readonly most: number,
  ) {
    this.stride = elementCount(dataset.inputShape);
    this.targets = makeTargets(dataset, 0);
  }

  read(indices: Indices, batchExamples: number, last: boolean): Slice | Promise<Slice> {
    const examples = indices.length;
    this.reserve(examples);
    const inputs = this.inputs.subarray(0, examples * this.stride);
    const targets = this.targets.subarray(0, examples * this.dataset.targetElements);
    const slice: Slice = { inputs, targets, examples, batchExamples, last };
    const reading = this.dataset.read(indices, inputs, targets);
    return reading instanceof Promise ? reading.then(() => slice) : slice;
  }

  /** Grows by doubling up to a slice, so that small batches do not hold a whole slice's memory. */
  private reserve(examples: number): void {
    if (this.inputs.length >= examples * this.stride) return;
    const capacity = Math.min(this.most, 2 ** Math.ceil(Math.log2(Math.max(examples, 1))));
    this.inputs = new Float32Array(capacity * this.stride);
    this.targets = makeTargets(this.dataset, capacity);
  }
}
