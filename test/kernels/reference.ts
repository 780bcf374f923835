/** Clipping in float64, one pass after the other, from the published formulas: what the kernels are checked against. */
import type { ClipOptions, GradientArray, GradientDType, SumArray } from "../../src/kernels/index.js";
import type { ClipFunctionName } from "../../src/privacy/clip-functions.js";

export interface Exact {
  readonly sums: Float64Array[];
  readonly squaredNorms: number[];
  /** Σ |factor·g| by coordinate: the size of what rounding may touch. */
  readonly magnitudes: Float64Array[];
  readonly leftOut: number;
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function fromBfloat16(word: number): number {
  bits[0] = word << 16;
  return float[0] as number;
}

/** IEEE 754 binary16. */
function fromFloat16(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

export function decode(array: GradientArray, dtype: GradientDType): Float64Array {
  if (dtype === "f32") return Float64Array.from(array);
  return Float64Array.from(array, dtype === "bf16" ? fromBfloat16 : fromFloat16);
}

/** Rounds toward zero: which value it is does not matter to a test, only that both sides see the same words. */
export function encode(values: Float32Array, dtype: GradientDType): GradientArray {
  if (dtype === "f32") return values;
  if (dtype === "bf16") return Uint16Array.from(new Uint32Array(values.slice().buffer), (word) => word >>> 16);
  return Uint16Array.from(values, (value) => {
    const sign = value < 0 ? 0x8000 : 0;
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    if (exponent < -14) return sign | Math.floor(Math.abs(value) * 2 ** 24);
    return sign | ((exponent + 15) << 10) | Math.floor((Math.abs(value) / 2 ** exponent - 1) * 1024);
  });
}

function factorOf(options: ClipOptions<unknown>, norm: number, threshold: number): number {
  const { function: name, gamma = 0.01, r = Number.NaN, Z = Number.NaN } = options;
  if (name === "autoS") return threshold / (norm + gamma);
  if (name === "autoV") return norm > 0 ? threshold / norm : 0;
  if (name === "psac") return threshold / (norm + r / (norm + r));
  if (name === "nsgd") return threshold / (r + norm);
  if (name === "global") return norm <= Z ? threshold / Z : 0;
  return Math.min(1, threshold / norm);
}

/** Values for the parameters that a function cannot do without. */
export function neededParameters(name: ClipFunctionName): { r?: number; Z?: number } {
  if (name === "psac" || name === "nsgd") return { r: 0.1 };
  return name === "global" ? { Z: 1e4 } : {};
}

export function exactSum(blocks: readonly GradientArray[], options: ClipOptions<unknown>): Exact {
  const { examples, dtype = "f32", mask, weights, style = "flat" } = options;
  const widths = blocks.map((block) => block.length / examples);
  const offsets = widths.map((_, block) => widths.slice(0, block).reduce((sum, width) => sum + width, 0));
  const rows = blocks.map((block, b) =>
    decode(block, dtype).map((value, i) => (mask?.[(offsets[b] ?? 0) + (i % (widths[b] ?? 1))] === 0 ? 0 : value)),
  );
  const groups = style === "flat" ? [blocks.map((_, block) => block)] : blocks.map((_, block) => [block]);
  const squaredNorms = groups.flatMap((members) =>
    Array.from({ length: examples }, (_, example) =>
      members.reduce((sum, block) => sum + square(rowOf(rows[block], widths[block], example)), 0),
    ),
  );
  const finite = Array.from({ length: examples }, (_, example) =>
    groups.every((_, group) => Number.isFinite(squaredNorms[group * examples + example])),
  );
  const sums = widths.map((width) => new Float64Array(width));
  const magnitudes = widths.map((width) => new Float64Array(width));
  for (const [group, members] of groups.entries()) {
    const threshold = options.thresholds?.[group] ?? (options.threshold ?? 0) / Math.sqrt(groups.length);
    for (let example = 0; example < examples; example++) {
      if (!finite[example]) continue;
      const norm = Math.sqrt(squaredNorms[group * examples + example] as number);
      const factor = factorOf(options, norm, threshold) * (weights?.[example] ?? 1);
      for (const block of members) {
        rowOf(rows[block], widths[block], example).forEach((value, column) => {
          (sums[block] as Float64Array)[column] = (sums[block]?.[column] ?? 0) + factor * value;
          (magnitudes[block] as Float64Array)[column] = (magnitudes[block]?.[column] ?? 0) + Math.abs(factor * value);
        });
      }
    }
  }
  return { sums, squaredNorms, magnitudes, leftOut: finite.filter((good) => !good).length };
}

function rowOf(rows: Float64Array | undefined, width: number | undefined, example: number): Float64Array {
  const columns = width ?? 0;
  return (rows as Float64Array).subarray(example * columns, (example + 1) * columns);
}

function square(row: Float64Array): number {
  return row.reduce((sum, value) => sum + value * value, 0);
}

/** The largest difference, relative to the size of the terms. */
export function apart(sum: SumArray | undefined, exact: Exact, block: number): number {
  const wanted = exact.sums[block] as Float64Array;
  return wanted.reduce((most, value, i) => {
    const size = exact.magnitudes[block]?.[i] || 1;
    return Math.max(most, Math.abs(value - (sum?.[i] ?? Number.NaN)) / size);
  }, 0);
}

/** Squared norms are never below the exact ones, and above them by at most 1e-6 of them. */
export function boundsFromAbove(got: number, exact: number): boolean {
  return got >= exact * (1 - 1e-14) && got <= exact * (1 + 1e-6);
}
