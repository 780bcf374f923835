/** Pictures and masks of any size, from .npy arrays or from the formats that `decode-picture.ts` reads. */
import { extname } from "node:path";
import { showShape } from "../graph/shape.js";
import { DataError } from "./dataset.js";
import { decodeMask, decodeWhole } from "./decode-picture.js";
import { type NpyArray, readNpy } from "./npy.js";
import { toIndices, toNumbers } from "./npy-values.js";

export interface PixelFile<V> {
  /** Row-major; `[channels, height, width]` of a picture, `[height, width]` of a mask. */
  readonly values: V;
  readonly height: number;
  readonly width: number;
}

/**
 * Reads a picture: an array `[channels, H, W]` or, of one channel, `[H, W]`, or a picture file.
 * @param divisor what values are divided by; default: 255 for bytes, 1 for other numbers.
 * Rejects with a DataError that names the file and what is wrong with it.
 */
export async function readPicture(path: string, channels: 1 | 3, divisor?: number): Promise<PixelFile<Float32Array>> {
  if (!isArray(path)) {
    const { values, ...size } = await decodeWhole(path, channels);
    return { values: Float32Array.from(values, (value) => value / (divisor ?? 255)), ...size };
  }
  const array = await readNpy(path);
  const size = sizeOf(array, channels, path);
  const by = divisor ?? (array.dtype === "uint8" ? 255 : 1);
  return { values: toNumbers(array).map((value) => value / by), ...size };
}

/** Reads a mask of whole numbers: an array `[H, W]`, or a PNG of one channel. Rejects as `readPicture` does. */
export async function readMask(path: string): Promise<PixelFile<Int32Array | Uint8Array>> {
  if (!isArray(path)) return decodeMask(path);
  const array = await readNpy(path);
  const size = sizeOf(array, 1, path);
  return { values: toIndices(array, path), ...size };
}

function isArray(path: string): boolean {
  return extname(path).toLowerCase() === ".npy";
}

function sizeOf({ shape }: NpyArray, channels: number, path: string): { height: number; width: number } {
  const [height, width] = shape.slice(-2);
  const fits = shape.length === 3 ? shape[0] === channels : shape.length === 2 && channels === 1;
  if (!fits || !height || !width) {
    const wanted = channels === 1 ? "[H, W] or [1, H, W]" : `[${channels}, H, W]`;
    throw new DataError(`${path}: an array of ${showShape(shape)}, ${wanted} expected`);
  }
  return { height, width };
}
