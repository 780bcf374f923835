/**
 * Power series in float64. A lower triangular Toeplitz matrix is one: its first column holds the coefficients, products and
 * inverses of matrices are those of series.
 */

import { transformOf } from "../transforms.js";

/** Series of so many coefficients are faster multiplied and divided one by one than by transforms. */
const SHORT = 64;

/** The first `length` coefficients of numerator / denominator; denominator[0] is not 0, and beyond their ends both are 0. */
export function quotient(numerator: ArrayLike<number>, denominator: ArrayLike<number>, length: number): Float64Array {
  if (Math.min(denominator.length, length) > SHORT) return product(numerator, inverse(denominator, length), length);
  const result = new Float64Array(length);
  const first = denominator[0] as number;
  for (let t = 0; t < length; t++) {
    let value = numerator[t] ?? 0;
    const reach = Math.min(t, denominator.length - 1);
    for (let i = 1; i <= reach; i++) value -= (denominator[i] as number) * (result[t - i] as number);
    result[t] = value / first;
  }
  return result;
}

/** The first `length` coefficients of 1 / series, by Newton's iteration: u ← u·(2 − series·u) doubles those that are right. */
function inverse(series: ArrayLike<number>, length: number): Float64Array {
  const head = Float64Array.from({ length: SHORT }, (_, i) => series[i] ?? 0);
  let result = quotient([1], head, Math.min(SHORT, length));
  while (result.length < length) {
    const twice = Math.min(2 * result.length, length);
    const correction = product(series, result, twice).map((value) => -value);
    correction[0] = 2 + (correction[0] as number);
    result = product(result, correction, twice);
  }
  return result;
}

/** The first `length` coefficients of a · b. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>, length: number): Float64Array {
  const counts = [a, b].map((series) => Math.min(series.length, length));
  if (Math.min(...counts) > SHORT) return transformedProduct(a, b, length);
  const result = new Float64Array(length);
  for (let i = 0; i < Math.min(a.length, length); i++) {
    const reach = Math.min(b.length, length - i);
    for (let j = 0; j < reach; j++) result[i + j] = (result[i + j] ?? 0) + (a[i] as number) * (b[j] as number);
  }
  return result;
}

function transformedProduct(a: ArrayLike<number>, b: ArrayLike<number>, length: number): Float64Array {
  const needed = Math.min(a.length, length) + Math.min(b.length, length);
  const size = 2 ** Math.ceil(Math.log2(needed));
  const transform = transformOf(size);
  const spectra = [a, b].map((series) => {
    const data = new Float64Array(size);
    for (let i = 0; i < Math.min(series.length, length); i++) data[i] = series[i] as number;
    const spectrum = new Float64Array(2 * size);
    transform.realTransform(spectrum, data);
    transform.completeSpectrum(spectrum);
    return spectrum;
  });
  const [x, y] = spectra as [Float64Array, Float64Array];
  for (let k = 0; k < x.length; k += 2) {
    const [xRe, xIm, yRe, yIm] = [x[k], x[k + 1], y[k], y[k + 1]] as [number, number, number, number];
    x[k] = xRe * yRe - xIm * yIm;
    x[k + 1] = xRe * yIm + xIm * yRe;
  }
  transform.inverseTransform(y, x);
  const result = new Float64Array(length);
  for (let t = 0; t < Math.min(length, size); t++) result[t] = y[2 * t] as number;
  return result;
}

/** The first `length` coefficients of (1 − factor·x)^power. */
export function binomialSeries(power: number, factor: number, length: number): Float64Array {
  const result = new Float64Array(length);
  let value = 1;
  for (let t = 0; t < length; t++) {
    result[t] = value;
    value *= (factor * (t - power)) / (t + 1);
  }
  return result;
}

export function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return sum;
}
