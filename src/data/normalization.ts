/** From bytes or numbers to the floats a network sees. Of bytes there are 256 a channel, which come from a table. */
import { checkKeys, preview } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import { DataError } from "./dataset.js";

/**
 * x ↦ (x / divisor − mean) / std, the same for all channels or a list with one a channel. Public constants: taken from
 * private data they would lie outside ε.
 */
export interface Normalization {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
  /** Above 0. By default 255 for bytes, which leaves them in 0 … 1, and 1 for other numbers. */
  readonly divisor?: number | undefined;
}

/** Leaves bytes in 0 … 1, and other numbers as they are. */
export const unitRange: Normalization = { mean: 0, std: 1 };

/**
 * Constants that the field publishes and uses, by the name that a configuration may give. Each was once counted in the
 * training pictures of its data set; where those very pictures are the private data, `{ mean: 0.5, std: 0.5 }` owes
 * them nothing.
 */
export const publishedNormalizations = {
  mnist: { mean: 0.1307, std: 0.3081 },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
} as const satisfies Record<string, Normalization>;

/** Normalises examples of one shape: `[C, H, W]`, or any other, which has one channel. */
export class Normalizer {
  /** [channels] what a byte of 0 becomes. */
  readonly blank: readonly number[];
  private readonly channels: readonly Channel[];
  private readonly plane: number;

  /** Throws a DataError for a list of another length than there are channels, or a deviation that is not positive. */
  constructor(normalization: Normalization, inputShape: readonly number[], usualDivisor = 255) {
    checkKeys("normalization", normalization, ["mean", "std", "divisor"]);
    const { mean, std, divisor = usualDivisor } = normalization;
    checkPositive("divisor", divisor);
    const channels = inputShape.length === 3 ? (inputShape[0] as number) : 1;
    const means = perChannel("mean", mean, channels);
    const deviations = perChannel("std", std, channels);
    this.channels = means.map((value, index) => channel(value, deviations[index] as number, divisor));
    this.blank = this.channels.map(({ table }) => table[0] as number);
    this.plane = elementCount(inputShape) / channels;
  }

  /** Writes the example that starts at `fromStart` to the floats from `toStart` on. */
  write(from: Uint8Array | Float32Array, fromStart: number, to: Float32Array, toStart: number): void {
    let done = 0;
    for (const each of this.channels) {
      if (from instanceof Uint8Array) translate(from, fromStart + done, each.table, to, toStart + done, this.plane);
      else scale(from, fromStart + done, each, to, toStart + done, this.plane);
      done += this.plane;
    }
  }
}

/** (x / divisor − mean) / std, and what bytes become by it. */
interface Channel {
  readonly mean: number;
  readonly std: number;
  readonly divisor: number;
  readonly table: Float32Array;
}

function perChannel(name: "mean" | "std", given: number | readonly number[], channels: number): readonly number[] {
  if (typeof given === "number") return Array.from({ length: channels }, () => given);
  if (Array.isArray(given) && given.length === channels) return given as readonly number[];
  const came = Array.isArray(given) ? `${given.length} numbers` : preview(given);
  throw new DataError(`normalization.${name}: ${came} given, 1 or one a channel (${channels}) allowed`);
}

function channel(mean: number, std: number, divisor: number): Channel {
  if (!Number.isFinite(mean)) throw new DataError(`normalization.mean: ${mean} given, a finite number allowed`);
  checkPositive("std", std);
  const table = Float32Array.from({ length: 256 }, (_, byte) => (byte / divisor - mean) / std);
  return { mean, std, divisor, table };
}

function checkPositive(name: keyof Normalization, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new DataError(`normalization.${name}: ${value} given, a number above 0 allowed`);
}

/** to[i] = table[from[i]] over a range; a function of its own because engines then keep all of it in registers. */
function translate(
  from: Uint8Array,
  fromStart: number,
  values: Float32Array,
  to: Float32Array,
  toStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = values[from[fromStart + i] as number] as number;
}

function scale(
  from: Float32Array,
  fromStart: number,
  { mean, std, divisor }: Channel,
  to: Float32Array,
  toStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = ((from[fromStart + i] as number) / divisor - mean) / std;
}
