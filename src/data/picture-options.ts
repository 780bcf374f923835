/** What all readers of picture files may be told, and how it is checked. */
import { checkChoice } from "../arguments.js";
import { checkNumber } from "../privacy/check.js";
import { type PictureFormat, resizeModes } from "./decode-picture.js";

/** From 1 to MOST_SIDE each. */
export type PictureSize = number | readonly [height: number, width: number];

export interface PictureOptions {
  /** Height and width of what the model gets, or one number for both; from 1 to 16,384. */
  readonly size: PictureSize;
  /** 3 by default. */
  readonly channels?: 1 | 3 | undefined;
  /** Where the proportions differ from `size`'s: `crop` (default) cuts the longer side, `stretch` keeps all of it. */
  readonly resize?: (typeof resizeModes)[number] | undefined;
}

export const MOST_SIDE = 16_384;

/** @throws RangeError that names the option, what came and what is allowed. */
export function pictureFormat({ size, channels = 3, resize = "crop" }: PictureOptions): PictureFormat {
  const [height, width] = sides(size);
  checkChoice("channels", channels, [1, 3]);
  checkChoice("resize", resize, resizeModes);
  return { channels, height, width, resize };
}

/** Height and width. @throws RangeError where one is out of range. */
export function sides(size: PictureSize): readonly [height: number, width: number] {
  const [height, width] = Array.isArray(size) ? (size as readonly [number, number]) : [size as number, size as number];
  for (const side of [height, width]) checkNumber("size", side, { min: 1, max: MOST_SIDE, integer: true });
  return [height, width];
}
