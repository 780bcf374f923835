/**
 * Pictures with a class for each pixel: `{folder}/images/NAME.npy` and `{folder}/masks/NAME.npy` belong together. Both
 * are resized to one size as `resize.ts` says, pictures bilinear, masks to the nearest pixel. Read as `example-files.ts`
 * says: whole and damaged pairs are told apart before training.
 */

import { extname, join, parse } from "node:path";
import { checkChoice, checkObject, checkText } from "../arguments.js";
import { DataError } from "./dataset.js";
import {
  checkFilesOptions,
  type ExampleFiles,
  type ExampleFilesOptions,
  type LoadedFiles,
  loadExampleFiles,
} from "./example-files.js";
import { type Normalization, unitRange } from "./normalization.js";
import { entriesOf, pictureExtensions } from "./picture-list.js";
import { type PictureSize, sides } from "./picture-options.js";
import { readMask, readPicture } from "./pixel-files.js";
import { resizeBilinear, resizeNearest } from "./resize.js";

export interface SegmentationFolderOptions extends ExampleFilesOptions {
  /** Holds the folders `images` and `masks`, whose files have the same names but for their endings. */
  readonly folder: string;
  /** Height and width of what the model gets, or one number for both; from 1 to 16,384. */
  readonly size: PictureSize;
  /** 3 by default. Arrays are `[channels, H, W]`, or `[H, W]` of one channel. */
  readonly channels?: 1 | 3 | undefined;
  /** Masks' values to class indices, all at once: `{ 8: 0, 9: 8 }`. Other values stay. */
  readonly maskMap?: Readonly<Record<string, number>> | undefined;
  /** Bytes / 255 and other numbers as they are, by default. */
  readonly normalization?: Normalization | undefined;
}

/** Lists, reads and checks the pairs. Rejects with a DataError that names the folder or the files at fault. */
export async function loadSegmentationFolder(options: SegmentationFolderOptions): Promise<LoadedFiles> {
  checkObject("options", options, "an object of folder, size, …");
  const { folder, channels = 3, normalization = unitRange } = options;
  checkText("folder", folder);
  checkObject("normalization", normalization, "an object of mean, std, divisor");
  const [height, width] = sides(options.size);
  checkChoice("channels", channels, [1, 3]);
  const checked = checkFilesOptions(options);
  const { maskMap = {} } = options;
  const classOf = maskMapOf(maskMap);
  const pairs = listPairs(folder);
  const files: ExampleFiles<Float32Array> = {
    size: pairs.length,
    inputShape: [channels, height, width],
    targetShape: [height, width],
    // Bytes and other numbers may lie together: what divides them is up to each file, and done when it is read.
    normalization: { ...normalization, divisor: 1 },
    allocate: (length) => new Float32Array(length),
    async decode(index, pixels, pixelStart, targets, targetStart) {
      const { picture, mask } = await readPair(pairs[index] as Pair, channels, normalization.divisor);
      const size = { height: picture.height, width: picture.width };
      for (let channel = 0; channel < channels; channel++) {
        const from = { values: picture.values, start: channel * size.height * size.width, ...size };
        resizeBilinear(from, { values: pixels, start: pixelStart + channel * height * width, height, width });
      }
      resizeNearest({ values: mask.values, start: 0, ...size }, { values: targets, start: targetStart, height, width });
      for (let i = targetStart; i < targetStart + height * width; i++) targets[i] = classOf(targets[i] as number);
    },
  };
  return loadExampleFiles(files, folder, checked);
}

/** Paths of one name's picture and mask; one of them may be missing. */
interface Pair {
  readonly name: string;
  readonly folder: string;
  readonly picture: string | undefined;
  readonly mask: string | undefined;
}

/** In the order of their names. That a partner is missing is a fact about a record, told when the record is read. */
function listPairs(folder: string): Pair[] {
  const pictures = listByName(join(folder, "images"));
  const masks = listByName(join(folder, "masks"));
  const names = [...new Set([...pictures.keys(), ...masks.keys()])].sort();
  if (names.length === 0) throw new DataError(`${join(folder, "images")}: no pictures or .npy files in it`);
  return names.map((name) => ({ name, folder, picture: pictures.get(name), mask: masks.get(name) }));
}

function listByName(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) throw new DataError(`${path}: a folder, where files are expected`);
    const ending = extname(entry.name).toLowerCase();
    if (ending !== ".npy" && !pictureExtensions.has(ending)) continue;
    const { name } = parse(entry.name);
    const other = found.get(name);
    if (other !== undefined) throw new DataError(`${path}: of the same name as ${other}`);
    found.set(name, path);
  }
  return found;
}

async function readPair({ name, folder, picture, mask }: Pair, channels: 1 | 3, divisor: number | undefined) {
  if (picture === undefined)
    throw new DataError(`${mask}: no picture of the name ${name} in ${join(folder, "images")}`);
  if (mask === undefined) throw new DataError(`${picture}: no mask of the name ${name} in ${join(folder, "masks")}`);
  const pair = { picture: await readPicture(picture, channels, divisor), mask: await readMask(mask) };
  if (pair.picture.height === pair.mask.height && pair.picture.width === pair.mask.width) return pair;
  throw new DataError(
    `${mask}: ${pair.mask.height}×${pair.mask.width} pixels, its picture ${picture} has ` +
      `${pair.picture.height}×${pair.picture.width}`,
  );
}

/** @throws RangeError that names the key or value of `maskMap` that is no whole number of 32 bits. */
function maskMapOf(given: Readonly<Record<string, number>>): (value: number) => number {
  checkObject("maskMap", given, "an object of whole numbers by whole numbers");
  const map = new Map(Object.entries(given).map(([from, to]) => [Number(from), to]));
  for (const number of [...map.keys(), ...map.values()]) {
    if ((number | 0) !== number) {
      throw new RangeError(`maskMap: got ${JSON.stringify(given)}, allowed: whole numbers of 32 bits by whole numbers`);
    }
  }
  return (value) => map.get(value) ?? value;
}
