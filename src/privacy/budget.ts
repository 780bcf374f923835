/**
 * A privacy budget is a hard stop: ask before the step; a step that would take ε above the target at δ is not taken.
 *
 * Asking is an integer comparison: ε grows with the number of equal steps, so the largest affordable number is found
 * once by bisection. The budget owns its accountant: steps recorded past it would not be counted in time.
 */
import { checkList } from "../arguments.js";
import { type Accountant, checkAccountant, makeAccountant } from "./accountant.js";
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
    checkAccountant("accountant", accountant);
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
    checkNumber("count", count, ranges.steps);
    return count <= this.remainingSteps(mechanism);
  }

  /** Records steps about to be taken; throws BudgetExceededError, recording nothing, where they would go too far. */
  take(mechanism: SampledGaussian, count = 1): void {
    checkNumber("count", count, ranges.steps);
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
    checkList("upcoming", upcoming, "rows of steps");
    const planned = upcoming.reduce((sum, row) => sum + row.steps, 0);
    if (this.accountant.epsilonWith(upcoming, this.delta) <= this.epsilon) return planned;
    const before: CyclicSteps[] = [];
    let steps = 0;
    for (const row of upcoming) {
      const excess = (count: number): number =>
        this.accountant.epsilonWith([...before, { ...row, steps: count }], this.delta) - this.epsilon;
      const affordable = mostWithin(row.steps, excess);
      steps += affordable;
      if (affordable < row.steps) break;
      before.push(row);
    }
    return steps;
  }

  private findAffordable(mechanism: SampledGaussian): number {
    const taken = this.accountant.steps().reduce((sum, row) => sum + row.steps, 0);
    const limit = Number.MAX_SAFE_INTEGER - taken;
    const excess = (accountant: Accountant) => (count: number) =>
      accountant.epsilonAfter(mechanism, count, this.delta) - this.epsilon;
    // What moments prove in microseconds, every accountant that proves something proves too.
    const moments = makeAccountant("rdp");
    for (const row of this.accountant.steps()) moments.step(row, row.steps);
    const known = this.accountant.name === moments.name ? 0 : mostWithin(limit, excess(moments));
    return mostWithin(limit, excess(this.accountant), known);
  }
}

/**
 * The largest count up to `limit` whose `excess` is at most 0, where that of `known` is, or `known` is 0; 0 where none is
 * (nothing more is affordable by definition). `excess` grows with the count: false position, with a halving now and then.
 */
function mostWithin(limit: number, excess: (count: number) => number, known = 0): number {
  if (excess(limit) <= 0) return limit;
  let low = known;
  let high = Math.min(limit, known + Math.max(1, Math.ceil(known / 4)));
  let below = Number.NaN;
  let above = excess(high);
  while (high < limit && above <= 0) {
    low = high;
    below = above;
    high = Math.min(limit, high * 2);
    above = excess(high);
  }
  for (let taken = 1; high - low > 1; taken++) {
    const share = taken % 3 === 0 ? 0.5 : below / (below - above);
    const guess = low + Math.round((high - low) * (Number.isFinite(share) ? share : 0.5));
    const middle = Math.min(Math.max(guess, low + 1), high - 1);
    const found = excess(middle);
    // The end that stays is held too far out: half its weight brings it in.
    if (found <= 0) {
      low = middle;
      below = found;
      above /= 2;
    } else {
      high = middle;
      above = found;
      below /= 2;
    }
  }
  return low;
}
