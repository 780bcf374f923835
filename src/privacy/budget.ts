/**
 * A privacy budget is a hard stop: ask before the step; a step that would take ε above the target at δ is not taken.
 *
 * Asking is an integer comparison: ε grows with the number of equal steps, so the largest affordable number is found
 * once by bisection. The budget owns its accountant: steps recorded past it would not be counted in time.
 */
import { type Accountant, makeAccountant } from "./accountant.js";
import { checkNumber, ranges } from "./check.js";
import type { CyclicSteps } from "./cycle.js";
import { type SampledGaussian, sameMechanism } from "./mechanism.js";

export class BudgetExceededError extends Error {
  override readonly name = "BudgetExceededError";
}

export class PrivacyBudget {
  private affordable: { readonly mechanism: SampledGaussian; steps: number } | undefined;
  private spent: number | undefined;

  /**
   * `accountant` must prove an upper bound; `epsilon` > 0 is the target at `delta` in (0, 1). Steps that the
   * accountant already holds count.
   */
  constructor(
    private readonly accountant: Accountant,
    readonly epsilon: number,
    readonly delta: number,
  ) {
    checkNumber("epsilon", epsilon, ranges.epsilon);
    checkNumber("delta", delta, ranges.delta);
    if (!accountant.upperBound) {
      throw new RangeError(
        `accountant ${accountant.name} may under-report ε and cannot guard a budget; use prv or rdp`,
      );
    }
  }

  /** How many more steps of `mechanism` stay within the target. */
  remainingSteps(mechanism: SampledGaussian): number {
    if (!this.affordable || !sameMechanism(this.affordable.mechanism, mechanism)) {
      this.affordable = { mechanism: { ...mechanism }, steps: this.findAffordable(mechanism) };
    }
    return this.affordable.steps;
  }

  /** Whether `count` more steps of `mechanism` stay within the target. */
  allows(mechanism: SampledGaussian, count = 1): boolean {
    return count <= this.remainingSteps(mechanism);
  }

  /** Records steps about to be taken; throws BudgetExceededError, recording nothing, where they would go too far. */
  take(mechanism: SampledGaussian, count = 1): void {
    checkNumber("steps", count, ranges.steps);
    const remaining = this.remainingSteps(mechanism);
    if (count > remaining) {
      throw new BudgetExceededError(
        `${count} more step(s) would exceed the budget epsilon ${this.epsilon} at delta ${this.delta}: ` +
          `${this.spentEpsilon()} is spent, ${remaining} step(s) are left`,
      );
    }
    this.accountant.step(mechanism, count);
    if (this.affordable) this.affordable.steps -= count;
    this.spent = undefined;
  }

  /** ε of the steps taken; computed once a step at most. */
  spentEpsilon(): number {
    this.spent ??= this.accountant.epsilon(this.delta);
    return this.spent;
  }

  /** How many of the steps that are to come, in their order, stay within the target. */
  remainingOf(upcoming: readonly CyclicSteps[]): number {
    const planned = upcoming.reduce((sum, row) => sum + row.steps, 0);
    if (this.accountant.epsilonWith(upcoming, this.delta) <= this.epsilon) return planned;
    const before: CyclicSteps[] = [];
    let steps = 0;
    for (const row of upcoming) {
      const within = (count: number): boolean =>
        this.accountant.epsilonWith([...before, { ...row, steps: count }], this.delta) <= this.epsilon;
      const affordable = mostWithin(row.steps, within);
      steps += affordable;
      if (affordable < row.steps) break;
      before.push(row);
    }
    return steps;
  }

  private findAffordable(mechanism: SampledGaussian): number {
    const taken = this.accountant.steps().reduce((sum, row) => sum + row.steps, 0);
    const limit = Number.MAX_SAFE_INTEGER - taken;
    const within = (accountant: Accountant) => (count: number) =>
      accountant.epsilonAfter(mechanism, count, this.delta) <= this.epsilon;
    // What moments prove in microseconds, every accountant that proves something proves too.
    const moments = makeAccountant("rdp");
    for (const row of this.accountant.steps()) moments.step(row, row.steps);
    const known = this.accountant.name === moments.name ? 0 : mostWithin(limit, within(moments));
    return mostWithin(limit, within(this.accountant), known);
  }
}

/** The largest count up to `limit` that is within, where `known` is, or is 0; 0 where none is (nothing more is affordable by definition). */
function mostWithin(limit: number, within: (count: number) => boolean, known = 0): number {
  if (within(limit)) return limit;
  let low = known;
  let high = known + Math.max(1, Math.ceil(known / 4));
  while (high < limit && within(high)) {
    low = high;
    high = Math.min(limit, high * 2);
  }
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (within(middle)) low = middle;
    else high = middle;
  }
  return low;
}
