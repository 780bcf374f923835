/** Datasets of NumPy arrays: one of pictures or vectors, one of labels, in files of their own or in one .npz archive. */
import { checkObject, checkText } from "../arguments.js";
import { showShape } from "../graph/shape.js";
import { DataError } from "./dataset.js";
import { ArrayDataset } from "./memory.js";
import type { Normalization } from "./normalization.js";
import { type NpyArray, readNpy } from "./npy.js";
import { isFloating, toIndices, toNumbers } from "./npy-values.js";
import { readNpz } from "./npz.js";

export interface NpyDatasetOptions {
  /** Files; where `npz` is given, names of arrays in it. */
  readonly images: string;
  readonly labels: string;
  /** An archive with both. */
  readonly npz?: string | undefined;
  /** Bytes / 255 and other numbers as they are, by default. */
  readonly normalization?: Normalization | undefined;
}

/**
 * Reads pictures [N, H, W] (one channel) or [N, C, H, W], or vectors [N, D], and labels [N, …]: whole numbers are class
 * indices (one an example, or [N, H, W] one a pixel), floats are values.
 * Rejects with a DataError that names the file and what is wrong with it.
 */
export async function loadNpyDataset(options: NpyDatasetOptions): Promise<ArrayDataset> {
  checkObject("options", options, "an object of images, labels, npz, normalization");
  const { images, labels, names } = await readPair(options);
  if (images.shape.length < 2 || images.shape.length > 4) {
    throw new DataError(`${names.images}: ${showShape(images.shape)}, [N, D], [N, H, W] or [N, C, H, W] expected`);
  }
  if (labels.shape[0] !== images.shape[0]) {
    throw new DataError(
      `${names.images} has shape ${showShape(images.shape)}, ${names.labels} has ${showShape(labels.shape)}: as many ` +
        "labels as pictures expected",
    );
  }
  const example = images.shape.slice(1);
  const target = labels.shape.slice(1);
  if (example.includes(0)) throw new DataError(`${names.images}: ${showShape(images.shape)}, nothing in an example`);
  if (target.includes(0)) throw new DataError(`${names.labels}: ${showShape(labels.shape)}, nothing in a label`);
  return new ArrayDataset({
    inputs: images.dtype === "uint8" ? (images.data as Uint8Array) : toNumbers(images),
    inputShape: example.length === 2 ? [1, ...example] : example,
    targets: isFloating(labels) ? toNumbers(labels) : toIndices(labels, names.labels),
    targetShape: target,
    normalization: options.normalization,
  });
}

async function readPair({ images, labels, npz }: NpyDatasetOptions) {
  checkText("images", images);
  checkText("labels", labels);
  if (npz !== undefined) checkText("npz", npz);
  if (npz === undefined) {
    return { images: await readNpy(images), labels: await readNpy(labels), names: { images, labels } };
  }
  const arrays = await readNpz(npz, [images, labels]);
  const of = (name: string) => `${npz}, array ${JSON.stringify(name)}`;
  return {
    images: arrays.get(images) as NpyArray,
    labels: arrays.get(labels) as NpyArray,
    names: { images: of(images), labels: of(labels) },
  };
}
