/**
 * The Gaussian mechanism on a clipped sum: (sum + N(0, σ²S²)) / normaliser, a sample for every coordinate that is kept.
 *
 * **Guarantee.** The noise is cryptographic (AES-256-CTR under a fresh key of the operating system for every call), so
 * the output is as private as a Gaussian of deviation σS on a sum of sensitivity S is. With a `seed` it can be repeated
 * by whoever guesses the seed: not private, and `private` says so.
 */
import { checkKeys } from "../arguments.js";
import { loadBinding } from "../native/load.js";
import { RandomKeys } from "../privacy/random.js";
import {
  checkApart,
  checkArray,
  checkInteger,
  checkReal,
  checkSumArray,
  isWide,
  lengthError,
  readMask,
  readThreads,
  type SumArray,
  sameStart,
} from "./arrays.js";
import { whileHeld } from "./hold.js";

export interface PrivatizeOptions {
  /** σ ≥ 0; 0 adds no noise, and nothing is private. */
  readonly noiseMultiplier: number;
  /** S > 0 of the sum: `clipAndSum` returns it. */
  readonly sensitivity: number;
  /** > 0: the public expected batch size q·N, never the sampled one. */
  readonly normalizer: number;
  /** One byte a coordinate, as in `clipAndSum`: 0 gives 0, and no noise. */
  readonly mask?: Uint8Array | undefined;
  /** A whole number that makes the noise repeatable and the result not private. */
  readonly seed?: number | undefined;
  /** May be the sum itself. Default: a new array. */
  readonly output?: Float32Array | undefined;
  readonly threads?: number | undefined;
}

export interface Privatized {
  readonly gradient: Float32Array;
  /** False with a seed, or without noise. */
  readonly private: boolean;
}

const REAL = { min: 1e-30, max: 1e30 };

/** See `clipAndSum` for the rules on arrays and errors. */
export async function privatize(sum: SumArray, options: PrivatizeOptions): Promise<Privatized> {
  const { spec, keys, result } = prepare(sum, options);
  await whileHeld(
    [
      ["sum", spec.sum],
      ["mask", spec.kept],
      ["output", spec.output],
    ],
    // The key is copied before the call returns.
    () => keys.withKey("noise", (key) => loadBinding().examples.privatize({ ...spec, key })),
  );
  keys.wipe();
  return result;
}

export function privatizeSync(sum: SumArray, options: PrivatizeOptions): Privatized {
  const { spec, keys, result } = prepare(sum, options);
  keys.withKey("noise", (key) => loadBinding().examples.privatizeSync({ ...spec, key }));
  keys.wipe();
  return result;
}

function prepare(sum: SumArray, options: PrivatizeOptions) {
  checkSumArray("sum", sum);
  checkKeys("options", options, ["noiseMultiplier", "sensitivity", "normalizer", "mask", "seed", "output", "threads"]);
  const { noiseMultiplier, sensitivity, normalizer, mask, seed, threads } = options;
  checkReal("noiseMultiplier", noiseMultiplier, 0, 1e15);
  checkReal("sensitivity", sensitivity, REAL.min, REAL.max);
  checkReal("normalizer", normalizer, REAL.min, REAL.max);
  if (seed !== undefined) checkInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  const kept = readMask(mask, [sum.length]);
  const { output = new Float32Array(sum.length) } = options;
  checkArray("output", output, "Float32Array");
  if (output.length !== sum.length) throw lengthError("output", output.length, `${sum.length}`);
  const inPlace = !isWide(sum) && sameStart(sum, output);
  checkApart("output", output, inPlace ? [kept] : [kept, sum]);
  const keys = new RandomKeys(seed);
  const spec = {
    sum,
    count: sum.length,
    wide: isWide(sum),
    kept,
    output,
    deviation: noiseMultiplier * sensitivity,
    normalizer,
    threads: readThreads(threads),
  };
  return { spec, keys, result: { gradient: output, private: !keys.seeded && spec.deviation > 0 } };
}
