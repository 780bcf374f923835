/**
 * A privacy budget is a hard stop: ask before the step; a step that would take ε above the target at δ is not taken.
 *
 * Asking is an integer comparison: ε grows with the number of equal steps, so the largest affordable number is found
 * once by bisection. The budget owns its accountant: steps recorded past it would not be counted in time.
 */
import { checkList } from "../arguments.js";
import {
  type Accountant,
  checkAccountant,
  defaultAccountant,
  makeAccountant,
  makeQuickAccountant,
} from "./accountant.js";
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
    const isAffordable = this.accountant.epsilonWith(upcoming, this.delta) <= this.epsilon; // which looks at the rows too
    if (isAffordable) return upcoming.reduce((sum, row) => sum + row.steps, 0);
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
    if (this.accountant.name !== defaultAccountant) return mostWithin(limit, excess(this.accountant));
    // Moments take microseconds and coarse bounds milliseconds: places to begin.
    const [moments, quick] = [makeAccountant("rdp"), makeQuickAccountant(defaultAccountant)];
    for (const row of this.accountant.steps()) for (const guide of [moments, quick]) guide.step(row, row.steps);
    const guess = mostWithin(limit, excess(quick), mostWithin(limit, excess(moments)), ROUGH);
    return mostWithin(limit, excess(this.accountant), guess);
  }
}

/** How many per one a count may be short of the largest: beside ε's own gap that is nothing. */
const ACCURACY = 1e-5;
const ROUGH = 1e-2;

/**
 * The largest count up to `limit` whose `excess` is at most 0, or one short of it by at most `accuracy`; 0 where none is
 * (nothing more is affordable by definition). `excess` grows with the count: false position, with a halving now and then,
 * beginning at `guess`.
 */
function mostWithin(limit: number, excess: (count: number) => number, guess = 0, accuracy = ACCURACY): number {
  if (excess(limit) <= 0) return limit;
  let [low, high] = [0, limit];
  let [below, above] = [Number.NaN, Number.NaN];
  const look = (count: number): boolean => {
    const found = excess(count);
    if (found <= 0) [low, below] = [count, found];
    else [high, above] = [count, found];
    return found <= 0;
  };
  const isWithin = guess > 0 && guess < limit && look(guess);
  const start = Math.max(1, Math.ceil(guess / 64));
  if (isWithin || guess === 0) for (let ahead = start; low + ahead < high && look(low + ahead); ) ahead *= 2;
  else for (let back = start; high - back > low && !look(high - back); ) back *= 2;
  for (let taken = 1; high - low > Math.max(1, accuracy * high); taken++) {
    const share = taken % 3 === 0 ? 0.5 : below / (below - above);
    const next = low + Math.round((high - low) * (Number.isFinite(share) ? share : 0.5));
    const isLow = look(Math.min(Math.max(next, low + 1), high - 1));
    // The end that stays is held too far out: half its weight brings it in.
    if (isLow) above /= 2;
    else below /= 2;
  }
  return low;
}
