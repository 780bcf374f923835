/**
 * A privacy filter: steps whose noise, sampling or number are chosen after seeing the results of earlier ones, within a
 * budget that is fixed beforehand. Composition theorems and `PrivacyBudget` know of steps that are planned; this one does
 * not ask how they were chosen.
 *
 * **Guarantee.** Of order α, steps of Rényi divergences ρ₁, ρ₂, …, each chosen by what came before, whose sum never exceeds B
 * together have at most B (Feldman & Zrnic 2021, arXiv:2008.11193, theorem 4.3). Each of k orders has the B_α that proves
 * ε at δ/k. A step is allowed while the sum of at least one order stays within its B_α. Outcomes are disjoint sets by the
 * first order that still holds at their end; on each, P(S) ≤ e^ε·Q(S) + δ/k, and their sum is (ε, δ).
 *
 * @example
 * const filter = new PrivacyFilter({ epsilon: 2, delta: 1e-5 });
 * while (filter.spend({ samplingRate: 0.01, noiseMultiplier: sigma })) sigma = whateverTheLastStepSuggests();
 */
import { checkKeys } from "../arguments.js";
import { checkedOrders, fewOrders, spentAtOrders } from "./adaptive-orders.js";
import { checkNumber, ranges } from "./check.js";
import type { SampledGaussian } from "./mechanism.js";
import { rdpBudget } from "./rdp.js";

export interface PrivacyFilterOptions {
  /** ε > 0 and δ in (0, 1): never exceeded. */
  readonly epsilon: number;
  readonly delta: number;
  /** Each > 1. One alone wastes nothing where it is known which is best; the default knows nothing. */
  readonly orders?: readonly number[] | undefined;
}

export class PrivacyFilter {
  readonly epsilon: number;
  readonly delta: number;
  private readonly orders: readonly number[];
  private readonly left: Float64Array;

  /** Throws a RangeError naming what is out of range, a TypeError naming a key that is none. */
  constructor(options: PrivacyFilterOptions) {
    checkKeys("options", options, ["epsilon", "delta", "orders"]);
    const { epsilon, delta, orders = fewOrders } = options;
    checkNumber("epsilon", epsilon, ranges.epsilon);
    checkNumber("delta", delta, ranges.delta);
    this.epsilon = epsilon;
    this.delta = delta;
    this.orders = checkedOrders(orders);
    this.left = Float64Array.from(this.orders, (order) => rdpBudget(order, epsilon, delta / this.orders.length));
  }

  /** Whether `count` steps of `mechanism` stay within the budget; spends nothing. */
  allows(mechanism: SampledGaussian, count = 1): boolean {
    return this.after(mechanism, count).some((left) => left >= 0);
  }

  /**
   * Spends `count` steps and says true: they may be taken. False, and nothing is spent, where the budget does not allow
   * them; fewer or noisier ones may still be allowed. Throws a RangeError about a mechanism or count out of range.
   */
  spend(mechanism: SampledGaussian, count = 1): boolean {
    const after = this.after(mechanism, count);
    if (!after.some((left) => left >= 0)) return false;
    this.left.set(after);
    return true;
  }

  private after(mechanism: SampledGaussian, count: number): Float64Array {
    const spent = spentAtOrders(this.orders, mechanism, count);
    // A difference's rounding, outwards.
    return this.left.map((left, index) => left - (spent[index] as number) - Math.abs(left) * 2 ** -52);
  }
}
