/**
 * Random sparsification (Zhu & Blaschko 2021): a random set of coordinates, the same for all examples until the next
 * refresh, is dropped from every per-example gradient before its norm is taken, and from the noise. Optimizers see a
 * gradient of 0 there.
 *
 * **Guarantee.** Unchanged: the mask is drawn from a key of its own, independent of data, noise and sampling, and is
 * public; whatever it is, the rest of the step is the Gaussian mechanism of the same sensitivity on fewer coordinates.
 */
import { checkChoice, checkKeys, describe } from "../arguments.js";
import type { NativeSession } from "../native/binding.js";
import { checkNumber, type NumberRange } from "../privacy/check.js";
import type { GivenMask } from "./given-mask.js";

export const sparsificationStructures = ["rows", "columns", "channels"] as const;

/** Whole slices of each parameter with two and more dimensions instead of single coordinates: see `docs/sparsification.md`. */
export type SparsificationStructure = (typeof sparsificationStructures)[number];

/** Of a session: what is dropped until `setSparsification()` says otherwise. */
export interface SparsificationOptions {
  /** In [0, 1): ⌊rate·P⌋ of the P trainable coordinates are dropped, or ⌊rate·n⌋ of each parameter's n slices. */
  readonly rate: number;
  readonly structured?: SparsificationStructure | undefined;
}

export interface SparsificationRefresh {
  /** Number of the refresh: each draws another set under the session's key. */
  readonly refresh: number;
  readonly rate: number;
}

/** All that the set follows from; public. */
export interface SparsificationState extends SparsificationRefresh {
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Of a training run. */
export interface SparsificationSchedule {
  /** The final rate, in [0, 1). */
  readonly rate: number;
  readonly refreshesPerEpoch: number;
  /** gradual: from 0 at the first refresh to `rate` at the last; constant: `rate` throughout. */
  readonly cooling: "gradual" | "constant";
}

const belowOne: NumberRange = { min: 0, max: 1, openMax: true };
const wholeNumber: NumberRange = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
const MASK_KEY_BYTES = 32;

/**
 * The refresh that holds for the step after `stepsTaken` steps. An epoch of n steps begins refresh k of R at its step
 * ⌈k·n/R⌉; gradual cooling gives refresh k of epoch e the rate final·(e·R + k)/(R·E − 1), in E epochs.
 */
export function refreshAt(
  { rate, refreshesPerEpoch, cooling }: SparsificationSchedule,
  stepsTaken: number,
  { stepsPerEpoch, steps }: { readonly stepsPerEpoch: number; readonly steps: number },
): SparsificationRefresh {
  const epoch = Math.floor(stepsTaken / stepsPerEpoch);
  const within = Math.floor(((stepsTaken % stepsPerEpoch) * refreshesPerEpoch) / stepsPerEpoch);
  const refresh = epoch * refreshesPerEpoch + within;
  const last = refreshesPerEpoch * Math.ceil(steps / stepsPerEpoch) - 1;
  const share = cooling === "constant" || last === 0 ? 1 : Math.min(1, refresh / last);
  return { refresh, rate: rate * share };
}

/** The native layer's name for what is dropped. @throws TypeError or RangeError naming the option. */
export function checkSparsification(
  options: SparsificationOptions | undefined,
): "none" | "elements" | SparsificationStructure {
  if (options === undefined) return "none";
  checkKeys("sparsification", options, ["rate", "structured"]);
  checkNumber("sparsification.rate", options.rate, belowOne);
  const { structured } = options;
  if (structured === undefined) return "elements";
  checkChoice("sparsification.structured", structured, sparsificationStructures);
  return structured;
}

/** The mask of a session, random or given: taken over by the native thread when the next call needs it. */
export class SessionMask {
  private drawn = false;
  private chosen: { readonly mask: GivenMask; readonly kept: Uint8Array } | undefined;

  constructor(
    private readonly native: NativeSession,
    private current: SparsificationState,
  ) {}

  get state(): SparsificationState {
    return { ...this.current, key: this.current.key.slice() };
  }

  /** @throws RangeError or TypeError naming what is wrong; nothing has changed then. */
  set({ key, refresh, rate }: SparsificationState): void {
    if (!(key instanceof Uint8Array) || key.length !== MASK_KEY_BYTES) {
      throw new TypeError(`sparsification: key: got ${describe(key)}, expected Uint8Array of ${MASK_KEY_BYTES}`);
    }
    checkNumber("sparsification: refresh", refresh, wholeNumber);
    checkNumber("sparsification: rate", rate, belowOne);
    this.current = { key: key.slice(), refresh, rate };
    this.chosen = undefined;
    this.drawn = false;
  }

  /** What `choose()` was given; undefined while coordinates are random. */
  get given(): Required<GivenMask> | undefined {
    if (!this.chosen) return undefined;
    const { mask } = this.chosen;
    const kept = Object.fromEntries(Object.entries(mask.kept).map(([name, part]) => [name, part.slice()]));
    return { kept, from: mask.from, refresh: this.current.refresh };
  }

  /** `kept`: what `mask` keeps, over all trainable coordinates; checked by checkGivenMask(). */
  choose(mask: GivenMask, kept: Uint8Array): void {
    const dropped = kept.reduce((count, keeps) => count + (keeps === 0 ? 1 : 0), 0);
    this.current = {
      key: this.current.key,
      refresh: mask.refresh ?? this.current.refresh,
      rate: dropped / kept.length,
    };
    this.chosen = { mask, kept };
    this.drawn = false;
  }

  /** Asks the native thread for the present mask; undefined where it has it already. A failed draw is made again. */
  draw(): Promise<void> | undefined {
    if (this.drawn) return undefined;
    this.drawn = true;
    const { key, refresh, rate } = this.current;
    const drawing = this.chosen ? this.native.keepOnly(this.chosen.kept) : this.native.setMask(key, refresh, rate);
    drawing.catch(() => {
      this.drawn = false;
    });
    return drawing;
  }
}
