/**
 * Pictures in folders, `{folder}/{class}/*.jpg`. Every picture is decoded once before training starts: what is damaged
 * is found then, never by a step. Decoded pictures stay in memory where they fit; else each is decoded again when it is
 * read, off the main thread.
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
import { type DecodePicture, type PictureFormat, pictureDecoder, resizeModes } from "./decode-picture.js";
import { ByteDataset } from "./memory.js";
import { type Normalization, Normalizer, unitRange } from "./normalization.js";
import { listPictures } from "./picture-list.js";

export const corruptModes = ["fail", "skip"] as const;

export interface ImageFolderOptions {
  /** Holds a folder a class. */
  readonly folder: string;
  /** Height and width of what the model gets, or one number for both; from 1 to 16,384. */
  readonly size: number | readonly [height: number, width: number];
  /** 3 by default. */
  readonly channels?: 1 | 3 | undefined;
  /** Where the proportions differ from `size`'s: `crop` (default) cuts the longer side, `stretch` keeps all of it. */
  readonly resize?: (typeof resizeModes)[number] | undefined;
  /** Bytes / 255 by default. */
  readonly normalization?: Normalization | undefined;
  /** What a file that cannot be decoded does: refuse all (default), or be left out. Named in both cases. */
  readonly corrupt?: (typeof corruptModes)[number] | undefined;
  /** Decoded pictures are kept in memory up to so many bytes; 1 GiB by default. */
  readonly memoryBytes?: number | undefined;
  /** Class folders of the training split, for another split: see `listPictures`. */
  readonly classes?: readonly string[] | undefined;
}

export interface ImageFolder {
  readonly dataset: Dataset;
  readonly classes: readonly string[];
  /** Of files left out: path and reason. */
  readonly skipped: readonly string[];
}

export const MOST_SIDE = 16_384;
const DEFAULT_MEMORY_BYTES = 2 ** 30;
/** Pictures under way at once: more than libuv has threads, so that reading files and decoding overlap. */
const LANES = 8;
const MOST_NAMED = 10;

/** Lists, decodes and checks the pictures. Rejects with a DataError that names the folder or the files at fault. */
export async function loadImageFolder(options: ImageFolderOptions): Promise<ImageFolder> {
  const { folder, normalization = unitRange, corrupt = "fail", memoryBytes = DEFAULT_MEMORY_BYTES } = options;
  const format = formatOf(options);
  checkChoice("corrupt", corrupt, corruptModes);
  checkNumber("memoryBytes", memoryBytes, { min: 0, max: Number.MAX_SAFE_INTEGER });
  const inputShape = [format.channels, format.height, format.width];
  const normalizer = new Normalizer(normalization, inputShape);
  const { paths, labels, classes } = listPictures(folder, options.classes);
  const decode = await pictureDecoder(format);
  const stride = elementCount(inputShape);
  const keep = paths.length * stride <= Math.min(memoryBytes, constants.MAX_LENGTH);
  const inputs = new Uint8Array((keep ? paths.length : LANES) * stride);
  const failures = new Map<number, string>();
  await inLanes(paths.length, async (index, lane) => {
    try {
      await decode(paths[index] as string, inputs, (keep ? index : lane) * stride);
    } catch (error) {
      failures.set(index, (error as Error).message);
    }
  });
  const skipped = [...failures].sort(([a], [b]) => a - b).map(([, reason]) => reason);
  if (corrupt === "fail" && skipped.length > 0) throw unreadable(skipped);
  if (skipped.length === paths.length) throw new DataError(`${folder}: none of ${paths.length} pictures can be read`);
  const kept = Uint32Array.from(paths.keys()).filter((index) => !failures.has(index));
  const keptLabels = Int32Array.from(kept, (index) => labels[index] as number);
  const dataset = keep
    ? new ByteDataset({ inputs: compact(inputs, kept, stride), inputShape, labels: keptLabels, normalization })
    : new PictureFiles(
        Array.from(kept, (index) => paths[index] as string),
        keptLabels,
        inputShape,
        normalizer,
        decode,
      );
  return { dataset, classes, skipped };
}

/** Decodes what is read. A file that could be decoded before and cannot now is an error: the data changed or the disk failed. */
class PictureFiles implements Dataset {
  readonly size: number;
  readonly targetKind = "classes";
  readonly targetElements = 1;
  readonly blank: readonly number[];

  constructor(
    private readonly paths: readonly string[],
    private readonly labels: Int32Array,
    readonly inputShape: readonly number[],
    private readonly normalizer: Normalizer,
    private readonly decode: DecodePicture,
  ) {
    this.size = paths.length;
    this.blank = normalizer.blank;
  }

  async read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): Promise<void> {
    checkRoom(this, indices.length, inputs, targets);
    for (let row = 0; row < indices.length; row++) {
      checkIndex(this, indices[row] as number);
      targets[row] = this.labels[indices[row] as number] as number;
    }
    const stride = elementCount(this.inputShape);
    const bytes = new Uint8Array(LANES * stride);
    await inLanes(indices.length, async (row, lane) => {
      await this.decode(this.paths[indices[row] as number] as string, bytes, lane * stride);
      this.normalizer.write(bytes, lane * stride, inputs, row * stride);
    });
  }
}

function formatOf({ size, channels = 3, resize = "crop" }: ImageFolderOptions): PictureFormat {
  const [height, width] = Array.isArray(size) ? (size as readonly [number, number]) : [size as number, size as number];
  checkChoice("channels", channels, [1, 3]);
  checkChoice("resize", resize, resizeModes);
  for (const side of [height, width]) checkNumber("size", side, { min: 1, max: MOST_SIDE, integer: true });
  return { channels, height, width, resize };
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
function compact(inputs: Uint8Array, kept: Uint32Array, stride: number): Uint8Array {
  kept.forEach((from, to) => {
    if (from !== to) inputs.copyWithin(to * stride, from * stride, (from + 1) * stride);
  });
  return inputs.subarray(0, kept.length * stride);
}

function unreadable(reasons: readonly string[]): DataError {
  const more = reasons.length > MOST_NAMED ? `\n… and ${reasons.length - MOST_NAMED} more` : "";
  const count = reasons.length === 1 ? "a picture" : `${reasons.length} pictures`;
  const list = reasons.slice(0, MOST_NAMED).map((reason) => `\n  ${reason}`);
  return new DataError(`${count} cannot be read; "corrupt": "skip" leaves such out:${list.join("")}${more}`);
}
