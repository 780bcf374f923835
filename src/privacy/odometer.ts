/**
 * A privacy odometer: what has been spent so far where noise, sampling and number of the steps are chosen after seeing the
 * results of earlier ones, and no budget was fixed beforehand (Rogers, Roth, Ullman, Vadhan 2016, arXiv:1605.08294). Where
 * one is, a filter (filter.ts) takes a little more of it.
 *
 * **Guarantee.** With L_t the privacy loss log(P/Q) of all that was seen up to time t, for any two neighbours, either way
 * round, and however steps were chosen: with probability 1 − δ under P, L_t ≤ `epsilon()` at **all** times t at once. So
 * whoever stops at a time that results decide, before the reading exceeds a number ε that they do not decide, is
 * (ε, δ)-private.
 *
 * **Proof.** Of order α, exp((α − 1)·(L_t − Σρ_s)) is a non-negative supermartingale of mean at most 1 under P: step s, given
 * what came before, has a Rényi divergence of at most ρ_s, which is known before the step (Feldman & Zrnic 2021,
 * arXiv:2008.11193; Lécuyer 2021, arXiv:2103.01379). By Ville's inequality it ever comes to k/δ with probability δ/k at most,
 * and otherwise L_t ≤ Σρ_s + log(k/δ)/(α − 1) at all times. Of k orders at once: δ. The reading is the least of theirs.
 *
 * @example
 * const odometer = new PrivacyOdometer({ delta: 1e-5 });
 * odometer.spend({ samplingRate: 0.01, noiseMultiplier: sigma }, 100); // then take these steps, and look
 * odometer.epsilon();
 */
import { checkKeys } from "../arguments.js";
import { checkedOrders, fewOrders, spentAtOrders } from "./adaptive-orders.js";
import { checkNumber, ranges } from "./check.js";
import type { SampledGaussian } from "./mechanism.js";

export interface PrivacyOdometerOptions {
  /** In (0, 1): the probability that the loss ever exceeds what the odometer said. */
  readonly delta: number;
  /** Each > 1. One alone wastes nothing where it is known which is best; the default knows nothing. */
  readonly orders?: readonly number[] | undefined;
}

export class PrivacyOdometer {
  readonly delta: number;
  private readonly orders: readonly number[];
  private readonly spent: Float64Array;

  /** Throws a RangeError naming what is out of range, a TypeError naming a key that is none. */
  constructor(options: PrivacyOdometerOptions) {
    checkKeys("options", options, ["delta", "orders"]);
    const { delta, orders = fewOrders } = options;
    checkNumber("delta", delta, ranges.delta);
    this.delta = delta;
    this.orders = checkedOrders(orders);
    this.spent = new Float64Array(this.orders.length);
  }

  /** Counts `count` steps, before they are taken. Throws a RangeError about a mechanism or count out of range. */
  spend(mechanism: SampledGaussian, count = 1): void {
    this.spent.set(this.after(mechanism, count));
  }

  /** ε spent so far: ≥ 0, never falls; Infinity after a step without noise. */
  epsilon(): number {
    return this.reading(this.spent);
  }

  /** What `epsilon()` would be after `count` more steps of `mechanism`; counts nothing. */
  epsilonAfter(mechanism: SampledGaussian, count = 1): number {
    return this.reading(this.after(mechanism, count));
  }

  private after(mechanism: SampledGaussian, count: number): Float64Array {
    const more = spentAtOrders(this.orders, mechanism, count);
    // A sum's rounding, outwards.
    return this.spent.map((spent, index) => (spent + (more[index] as number)) * (1 + 2 ** -52));
  }

  private reading(spent: Float64Array): number {
    // Of nothing the loss is nothing.
    if (spent.every((sum) => sum === 0)) return 0;
    const logWeight = Math.log(this.orders.length / this.delta);
    const bounds = this.orders.map((order, index) => (spent[index] as number) + logWeight / (order - 1));
    return Math.min(...bounds) * (1 + 2 ** -50);
  }
}
