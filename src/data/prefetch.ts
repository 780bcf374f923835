/**
 * Reads logical batches ahead of the engine. A logical batch of any size comes in slices of bounded size, and two
 * slices' worth of typed arrays serve the whole run: while the engine works on one, the next is read into the other.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { checkFunction, checkNumbers, describe } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { checkDataset, type Dataset, makeTargets } from "./dataset.js";

/** Part of a logical batch; its arrays are views of buffers that the next but one slice overwrites. */
export interface Slice {
  /** [size, input elements] */
  readonly inputs: Float32Array;
  /** [size, target elements] */
  readonly targets: Targets;
  /** [size]; absent where the dataset has none. */
  readonly weights?: Float32Array;
  /** Examples in the slice: 0 in the only slice of an empty Poisson sample, which is a batch like any other. */
  readonly size: number;
}

/** One logical batch: all in one slice, or slices to be read one after the other, once. */
export interface LogicalBatch {
  /** Examples in all slices together. */
  readonly size: number;
  readonly source: Slice | AsyncIterable<Slice>;
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
 * Yields one logical batch after another. As soon as a slice has been handed out, the next one, of the same batch or
 * of the batch after it, is read on the event loop's next turn: by then the engine is at work on the first. All slices
 * of a batch must be read before the next batch is asked for. Errors of `batches` and of the dataset reject.
 * @param onWait told how many seconds each slice was waited for: hardly any where reading keeps up with the engine.
 */
export async function* prefetch(
  dataset: Dataset,
  batches: Iterable<Indices>,
  perSlice?: number,
  onWait?: (seconds: number) => void,
): AsyncGenerator<LogicalBatch, void, void> {
  checkDataset("dataset", dataset);
  checkBatches(batches);
  if (perSlice !== undefined) checkNumber("perSlice", perSlice, { min: 1, max: 2 ** 31, integer: true });
  if (onWait !== undefined) checkFunction("onWait", onWait);
  const ahead = new ReadAhead(readSlices(dataset, batches, perSlice ?? sliceExamples(dataset)), onWait);
  for (let first = await ahead.take(); first; first = await ahead.take()) {
    const source = first.last ? first : rest(first, ahead);
    yield { size: first.batchSize, source };
  }
}

function checkBatches(batches: Iterable<Indices>): void {
  if (typeof batches !== "string" && typeof batches?.[Symbol.iterator] === "function") return;
  throw new TypeError(`batches: got ${describe(batches)}, expected an iterable of lists of indices, such as a sampler`);
}

interface Part extends Slice {
  readonly batchSize: number;
  readonly last: boolean;
}

async function* rest(first: Part, ahead: ReadAhead): AsyncGenerator<Slice, void, void> {
  for (let part: Part | undefined = first; part; part = part.last ? undefined : await ahead.take()) yield part;
}

/** Reads one slice further than was asked for. */
class ReadAhead {
  private next: Promise<Part | undefined>;

  constructor(
    private readonly parts: Iterator<Part | Promise<Part>, void>,
    private readonly onWait: ((seconds: number) => void) | undefined,
  ) {
    this.next = this.read();
  }

  async take(): Promise<Part | undefined> {
    const start = performance.now();
    const part = await this.next;
    this.onWait?.((performance.now() - start) / 1000);
    this.next = nextTurn().then(() => this.read());
    this.next.catch(() => undefined); // told by the take() that wants it; a run that stops early never asks
    return part;
  }

  private async read(): Promise<Part | undefined> {
    return (await this.parts.next().value) ?? undefined;
  }
}

function* readSlices(
  dataset: Dataset,
  batches: Iterable<Indices>,
  perSlice: number,
): Generator<Part | Promise<Part>, void> {
  const buffers = [new SliceBuffer(dataset, perSlice), new SliceBuffer(dataset, perSlice)] as const;
  let turn: 0 | 1 = 0;
  for (const indices of batches) {
    checkNumbers("batches: indices", indices);
    let from = 0;
    do {
      const chosen = indices.slice(from, from + perSlice);
      from += chosen.length;
      yield buffers[turn].read(chosen, indices.length, from >= indices.length);
      turn = turn === 0 ? 1 : 0;
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

  read(indices: Indices, batchSize: number, last: boolean): Part | Promise<Part> {
    const size = indices.length;
    this.reserve(size);
    const inputs = this.inputs.subarray(0, size * this.stride);
    const targets = this.targets.subarray(0, size * this.dataset.targetElements);
    const { weights } = this.dataset;
    const part: Part = {
      inputs,
      targets,
      ...(weights ? { weights: Float32Array.from(indices, (index) => weights[index] as number) } : {}),
      size,
      batchSize,
      last,
    };
    const reading = this.dataset.read(indices, inputs, targets);
    return reading instanceof Promise ? reading.then(() => part) : part;
  }

  /** Grows by powers of two up to a slice, so that small batches do not hold a whole slice's memory. */
  private reserve(size: number): void {
    if (this.inputs.length >= size * this.stride) return;
    const capacity = Math.min(this.most, 2 ** Math.ceil(Math.log2(Math.max(size, 1))));
    this.inputs = new Float32Array(capacity * this.stride);
    this.targets = makeTargets(this.dataset, capacity);
  }
}
