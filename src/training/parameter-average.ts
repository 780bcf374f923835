/**
 * Exponential moving average of the parameters, as De et al. 2022 evaluate: after step t
 * a ← d·a + (1 − d)·w with d = min(decay, (1 + t) / (10 + t)), so that the first steps are forgotten soon.
 *
 * **Privacy.** A function of the models after each step, which ε covers, and of nothing else: post-processing, at no cost.
 */
import { checkNumber } from "../privacy/check.js";
import type { Tensors } from "./tensors.js";

/** Tensors in float64, by PyTorch's name: float32 would lose steps of 1e-4 of a difference. */
export type AverageState = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly values: Float64Array }>
>;

export class ParameterAverage {
  private readonly averages: AverageState;

  /** @throws RangeError unless 0 ≤ `decay` < 1. `start`: the parameters before the first step. */
  constructor(
    readonly decay: number,
    start: Tensors,
  ) {
    checkNumber("ema.decay", decay, { min: 0, max: 1, openMax: true });
    this.averages = Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => [name, { shape, values: Float64Array.from(data) }]),
    );
  }

  /** Takes up the parameters after step `step`, counted from 1. */
  add(parameters: Tensors, step: number): void {
    const share = 1 - Math.min(this.decay, (1 + step) / (10 + step));
    for (const [name, { values }] of Object.entries(this.averages)) {
      const { data } = parameters[name] as Tensors[string];
      for (let i = 0; i < values.length; i++) {
        const average = values[i] as number;
        values[i] = average + share * ((data[i] as number) - average);
      }
    }
  }

  /** As parameters of a session. */
  tensors(): Tensors {
    return Object.fromEntries(
      Object.entries(this.averages).map(([name, { shape, values }]) => [
        name,
        { shape, data: Float32Array.from(values) },
      ]),
    );
  }

  /** For a checkpoint: views, not copies. */
  get state(): AverageState {
    return this.averages;
  }

  /** Goes on from a checkpoint. @throws RangeError naming a tensor that is missing or has another size. */
  load(state: AverageState): void {
    for (const [name, { values }] of Object.entries(this.averages)) {
      const saved = state[name]?.values;
      if (saved?.length !== values.length) {
        throw new RangeError(`average of ${name}: got ${saved?.length ?? "no"} values, expected ${values.length}`);
      }
      values.set(saved);
    }
  }
}
