/** Fourier transforms by their length, made once: they hold tables of it, and the same few are asked for again and again. */
import FFT from "fft.js";

const transforms = new Map<number, FFT>();
/** Of all that are kept. */
const MOST_POINTS = 2 ** 22;
let points = 0;

/** `length`: a power of two, 2 at least. */
export function transformOf(length: number): FFT {
  const known = transforms.get(length);
  if (known) return known;
  if (points + length > MOST_POINTS) {
    transforms.clear();
    points = 0;
  }
  const made = new FFT(length);
  transforms.set(length, made);
  points += length;
  return made;
}
