/**
 * Examples that lie in files of their own. Each is read once before training starts: what is damaged is found then,
 * never by a step. Decoded examples stay in memory where they fit; else each is decoded again when it is read, off the
 * main thread.
 *
 * **Privacy.** Whether a file can be read is a fact about a record. `skip` leaves it out before anything is released,
 * which under add/remove is the same data without it, as long as the number of examples that the guarantee rests on
 * is a public one (`privacy.datasetSize`) and not a count of what was left.
 */

import { constants } from "node:buffer";
import { checkChoice } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { checkIndex, checkRoom, DataError, type Dataset } from "./dataset.js";
import { ArrayDataset, type Pixels } from "./memory.js";
import { type Normalization, Normalizer } from "./normalization.js";

export const corruptModes = ["fail", "skip"] as const;

export interface ExampleFilesOptions {
  /** What a file that cannot be decoded does: refuse all (default), or be left out. Named in both cases. */
  readonly corrupt?: (typeof corruptModes)[number] | undefined;
  /** Decoded examples are kept in memory up to so many bytes; 1 GiB by default. */
  readonly memoryBytes?: number | undefined;
}

/** Numbered examples of one shape in files, each decoded by itself. */
export interface ExampleFiles<P extends Pixels> {
  readonly size: number;
  readonly inputShape: readonly number[];
  /** Of the class indices of one example; `[]`: one. */
  readonly targetShape: readonly number[];
  readonly normalization: Normalization;
  /** Room for so many pixels: bytes or floats. */
  allocate(length: number): P;
  /** Writes an example's pixels and targets from the given places on. Rejects with a DataError that names the file. */
  decode(index: number, pixels: P, pixelStart: number, targets: Int32Array, targetStart: number): Promise<void>;
}

export interface LoadedFiles {
  readonly dataset: Dataset;
  /** Of examples left out: path and reason. */
  readonly skipped: readonly string[];
}

const DEFAULT_MEMORY_BYTES = 2 ** 30;
/** Examples under way at once: more than libuv has threads, so that reading files and decoding overlap. */
const LANES = 8;
const MOST_NAMED = 10;

/** Fills in what was left out. @throws RangeError that names the option, what came and what is allowed. */
export function checkFilesOptions(options: ExampleFilesOptions): CheckedFilesOptions {
  const { corrupt = "fail", memoryBytes = DEFAULT_MEMORY_BYTES } = options;
  checkChoice("corrupt", corrupt, corruptModes);
  checkNumber("memoryBytes", memoryBytes, { min: 0, max: Number.MAX_SAFE_INTEGER });
  return { corrupt, memoryBytes };
}

interface CheckedFilesOptions {
  readonly corrupt: (typeof corruptModes)[number];
  readonly memoryBytes: number;
}

/** Decodes and checks all files of `folder`. Rejects with a DataError that names the files at fault. */
export async function loadExampleFiles<P extends Pixels>(
  files: ExampleFiles<P>,
  folder: string,
  { corrupt, memoryBytes }: CheckedFilesOptions,
): Promise<LoadedFiles> {
  const { size, inputShape, targetShape, normalization } = files;
  const normalizer = new Normalizer(normalization, inputShape); // refuses before the work, not after it
  const stride = elementCount(inputShape);
  const labels = elementCount(targetShape);
  const bytes = size * files.allocate(stride).byteLength;
  const keep = Math.max(bytes, size * labels * 4) <= constants.MAX_LENGTH && bytes <= memoryBytes;
  const rows = keep ? size : LANES;
  const inputs = files.allocate(rows * stride);
  const targets = new Int32Array(rows * labels);
  const failures = new Map<number, string>();
  await inLanes(size, async (index, lane) => {
    const row = keep ? index : lane;
    try {
      await files.decode(index, inputs, row * stride, targets, row * labels);
    } catch (error) {
      failures.set(index, (error as Error).message);
    }
  });
  const skipped = [...failures].sort(([a], [b]) => a - b).map(([, reason]) => reason);
  if (corrupt === "fail" && skipped.length > 0) throw unreadable(skipped);
  if (skipped.length === size) throw new DataError(`${folder}: none of ${size} pictures can be read`);
  const kept = Uint32Array.from({ length: size }, (_, index) => index).filter((index) => !failures.has(index));
  if (!keep) return { dataset: new FileDataset(files, kept, normalizer), skipped };
  const dataset = new ArrayDataset({
    inputs: compact(inputs, kept, stride),
    inputShape,
    targets: compact(targets, kept, labels),
    targetShape,
    normalization,
  });
  return { dataset, skipped };
}

/** Decodes what is read. A file that could be decoded before and cannot now is an error: the data changed or the disk failed. */
class FileDataset<P extends Pixels> implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind = "classes";
  readonly targetElements: number;
  readonly targetShape: readonly number[];
  readonly blank: readonly number[];

  constructor(
    private readonly files: ExampleFiles<P>,
    private readonly kept: Uint32Array,
    private readonly normalizer: Normalizer,
  ) {
    this.size = kept.length;
    this.inputShape = files.inputShape;
    this.targetShape = files.targetShape;
    this.targetElements = elementCount(files.targetShape);
    this.blank = normalizer.blank;
  }

  async read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): Promise<void> {
    checkRoom(this, indices, inputs, targets);
    for (let row = 0; row < indices.length; row++) checkIndex(this, indices[row] as number);
    const stride = elementCount(this.inputShape);
    const pixels = this.files.allocate(LANES * stride);
    await inLanes(indices.length, async (row, lane) => {
      const file = this.kept[indices[row] as number] as number;
      await this.files.decode(file, pixels, lane * stride, targets as Int32Array, row * this.targetElements);
      this.normalizer.write(pixels, lane * stride, inputs, row * stride);
    });
  }
}

/** Calls `work` for 0 … count − 1, at most one call in each lane at a time. Rejects with the first failure. */
async function inLanes(count: number, work: (index: number, lane: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (lane: number) => {
    try {
      while (next < count) await work(next++, lane);
    } finally {
      next = Math.max(next, count); // after a failure no lane begins another
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, count) }, (_, lane) => run(lane)));
}

/** Moves the kept examples together, in place. */
function compact<T extends Pixels | Int32Array>(values: T, kept: Uint32Array, stride: number): T {
  kept.forEach((from, to) => {
    if (from !== to) values.copyWithin(to * stride, from * stride, (from + 1) * stride);
  });
  return values.subarray(0, kept.length * stride) as T;
}

function unreadable(reasons: readonly string[]): DataError {
  const more = reasons.length > MOST_NAMED ? `\n… and ${reasons.length - MOST_NAMED} more` : "";
  const count = reasons.length === 1 ? "a picture" : `${reasons.length} pictures`;
  const list = reasons.slice(0, MOST_NAMED).map((reason) => `\n  ${reason}`);
  return new DataError(`${count} cannot be read; "corrupt": "skip" leaves such out:${list.join("")}${more}`);
}
