/**
 * Decodes pictures of any size to bytes [C, H, W] of one size, off the main thread, with sharp (libvips). A file is
 * not trusted: what it is, how long and how large is checked before the decoder sees it.
 *
 * As torchvision's loader: 8 bits a channel, no colour management, transparency dropped, one channel by ITU-R 601's
 * luma. Unlike it: turned upright as EXIF says, and of 16 bits the higher 8 are kept.
 */
import type { Sharp, SharpOptions } from "sharp";
import { DataError } from "./dataset.js";
import { readRegularFile } from "./read-file.js";

export const resizeModes = ["crop", "stretch"] as const;

export interface PictureFormat {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** crop: the shorter side fits, the longer is cut evenly; stretch: both fit, proportions change. Bilinear. */
  readonly resize: (typeof resizeModes)[number];
}

/** Writes one picture as bytes [C, H, W] from `start` on. Rejects with a DataError that names the file and the reason. */
export type DecodePicture = (path: string, into: Uint8Array, start: number) => Promise<void>;

/** Larger pictures are refused: 300 MB a picture in memory while it is decoded. */
const MOST_PIXELS = 100_000_000;
const MOST_FILE_BYTES = 256 * 2 ** 20;

const options: SharpOptions = {
  limitInputPixels: MOST_PIXELS,
  // Decoders warn where data are damaged and go on with grey; a picture that is half noise is better named.
  failOn: "warning",
  ignoreIcc: true,
  autoOrient: true,
};

type SharpFactory = (input: Uint8Array, options: SharpOptions) => Sharp;

/** Loads the decoder. Rejects with a DataError where it is not installed for this platform. */
export async function pictureDecoder(format: PictureFormat): Promise<DecodePicture> {
  const sharp = await loadSharp();
  return (path, into, start) =>
    decoding(path, async (bytes) => {
      const { data, info } = await (await prepare(sharp, bytes, format)).raw().toBuffer({ resolveWithObject: true });
      if (info.width !== format.width || info.height !== format.height) {
        throw new Error(`${info.width}×${info.height} pixels came out of the decoder`);
      }
      unpack(data, info.channels, format, into, start);
    });
}

/** A picture of its own size. */
export interface WholePicture {
  /** [channels, height, width] */
  readonly values: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Decodes a picture as it is, not resized. Rejects with a DataError that names the file and the reason. */
export async function decodeWhole(path: string, channels: PictureFormat["channels"]): Promise<WholePicture> {
  const sharp = await loadSharp();
  return decoding(path, async (bytes) => {
    const picture = (await withoutAlpha(sharp, bytes)).toColourspace("srgb");
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    const { height, width } = info;
    const values = new Uint8Array(channels * height * width);
    unpack(data, info.channels, { channels, height, width }, values, 0);
    return { values, height, width };
  });
}

/**
 * Decodes a PNG of one channel of 8 bits, whose values are numbers and not colours: masks of classes, [height, width].
 * Rejects with a DataError that names the file and the reason.
 */
export async function decodeMask(path: string): Promise<WholePicture> {
  const sharp = await loadSharp();
  return decoding(path, async (bytes) => {
    if (!isPng(bytes)) throw new Error("masks are PNG files or .npy arrays");
    const picture = sharp(bytes, options);
    const { channels, depth, isPalette } = await picture.metadata();
    if (channels !== 1 || depth !== "uchar" || isPalette) {
      const found = isPalette ? "colours of a palette" : `${channels} channels of ${depth}`;
      throw new Error(`${found}, a mask has one channel of 8 bits (grayscale)`);
    }
    const { data, info } = await picture.toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
    return { values: data, height: info.height, width: info.width };
  });
}

/** Calls `work` with a picture file's bytes, and names the file in whatever goes wrong. */
async function decoding<T>(path: string, work: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  const bytes = await readRegularFile(path, MOST_FILE_BYTES);
  try {
    if (!signatures.some((fits) => fits(bytes))) throw new Error("not a JPEG, PNG, WebP, TIFF, GIF or AVIF file");
    return await work(bytes);
  } catch (error) {
    throw new DataError(`${path}: ${oneLine((error as Error).message)}`);
  }
}

async function loadSharp(): Promise<SharpFactory> {
  try {
    return (await import("sharp")).default;
  } catch (error) {
    throw new DataError(`pictures need the npm package sharp, which does not load: ${(error as Error).message}`);
  }
}

async function prepare(sharp: SharpFactory, bytes: Uint8Array, format: PictureFormat): Promise<Sharp> {
  const picture = await withoutAlpha(sharp, bytes);
  return picture
    .toColourspace("srgb")
    .resize(format.width, format.height, { fit: format.resize === "crop" ? "cover" : "fill", kernel: "linear" });
}

/** Resizing weighs colours by opacity, which loses those of transparent pixels; so opacity is dropped before. */
async function withoutAlpha(sharp: SharpFactory, bytes: Uint8Array): Promise<Sharp> {
  const picture = sharp(bytes, options);
  if (isJpeg(bytes) || !(await picture.metadata()).hasAlpha) return picture;
  const { data, info } = await picture.removeAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
}

/** Interleaved pixels to planes. */
function unpack(
  pixels: Uint8Array,
  found: number,
  format: Omit<PictureFormat, "resize">,
  into: Uint8Array,
  start: number,
): void {
  if (found !== 1 && found !== 3) throw new Error(`${found} channels came out of the decoder`);
  const plane = format.height * format.width;
  const [green, blue] = found === 3 ? [1, 2] : [0, 0];
  for (let i = 0; i < plane; i++) {
    const r = pixels[i * found] as number;
    const g = pixels[i * found + green] as number;
    const b = pixels[i * found + blue] as number;
    if (format.channels === 1) {
      into[start + i] = (19595 * r + 38470 * g + 7471 * b + 32768) >>> 16;
      continue;
    }
    into[start + i] = r;
    into[start + plane + i] = g;
    into[start + 2 * plane + i] = b;
  }
}

const startsWith =
  (text: string, at = 0) =>
  (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1", at, at + text.length) === text;
const isJpeg = startsWith("\xff\xd8\xff");
const isPng = startsWith("\x89PNG\r\n\x1a\n");

/** By content, so that no file reaches the decoders of scripts and drawings (SVG, PDF), whatever it is called. */
const signatures: readonly ((bytes: Uint8Array) => boolean)[] = [
  isJpeg,
  isPng,
  startsWith("GIF8"),
  startsWith("WEBP", 8),
  startsWith("II*\0"),
  startsWith("MM\0*"),
  startsWith("ftypavif", 4),
];

/** libvips reports on several lines, some of them twice; the first say what is wrong. */
function oneLine(message: string): string {
  const lines = [...new Set(message.split("\n").map((line) => line.trim()))].filter((line) => line !== "");
  return lines.slice(0, MOST_LINES).join("; ");
}

const MOST_LINES = 3;
