/**
 * Power series in float64. A lower triangular Toeplitz matrix is one: its first column holds the coefficients, products and
 * inverses of matrices are those of series.
 */

/** The first `length` coefficients of numerator / denominator; denominator[0] is not 0, and beyond their ends both are 0. */
export function quotient(numerator: ArrayLike<number>, denominator: ArrayLike<number>, length: number): Float64Array {
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

/** The first `length` coefficients of a · b. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>, length: number): Float64Array {
  const result = new Float64Array(length);
  for (let i = 0; i < Math.min(a.length, length); i++) {
    const reach = Math.min(b.length, length - i);
    for (let j = 0; j < reach; j++) result[i + j] = (result[i + j] ?? 0) + (a[i] as number) * (b[j] as number);
  }
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
