/** What a run has spent and may still spend: accountant and budget behind the few questions that the loop asks. */
import { type Accountant, makeAccountant, makeQuickAccountant } from "../privacy/accountant.js";
import { BudgetExceededError, PrivacyBudget } from "../privacy/budget.js";
import { charged } from "../privacy/cycle.js";
import { countSteps, stepsBetween } from "../privacy/ledger-rows.js";
import type { MechanismSteps, SampledGaussian } from "../privacy/mechanism.js";
import type { TrainingPlan } from "./training-plan.js";

/** ε is shown by stages of the run, of which there are at most so many: an exact ε takes longer than many a step. */
const MOST_STAGES = 32;

export class PrivacyMeter {
  private readonly accountant: Accountant;
  /** ε in microseconds, and somewhat above. */
  private readonly moments = makeAccountant("rdp");
  private readonly budget: PrivacyBudget | undefined;
  private affordable: number | undefined;
  private stage: { readonly end: number; readonly epsilon: number } | undefined;
  private counted: number;

  /**
   * `spent`: by earlier parts of the run, lost steps included; `step`: how many of them the model has taken, after which
   * the plan goes on.
   */
  constructor(
    private readonly plan: TrainingPlan,
    spent: readonly MechanismSteps[],
    private step: number,
  ) {
    const { privacy } = plan;
    this.counted = countSteps(spent);
    this.accountant = makeAccountant(privacy?.accountant);
    if (!privacy) return;
    for (const row of spent) {
      this.accountant.step(row, row.steps);
      this.moments.step(row, row.steps);
    }
    if (privacy.targetEpsilon === undefined) return;
    this.budget = new PrivacyBudget(this.accountant, privacy.targetEpsilon, privacy.delta);
  }

  /** Steps counted so far. */
  get steps(): number {
    return this.counted;
  }

  /** σ of the next step; 0 without privacy. */
  get noiseMultiplier(): number {
    const { correlation, noiseMultiplier } = this.plan;
    return correlation ? noiseMultiplier : (this.next()?.noiseMultiplier ?? 0);
  }

  /** Steps of the plan that stay within the budget; Infinity without one. */
  remainingSteps(): number {
    if (!this.budget) return Number.POSITIVE_INFINITY;
    this.affordable ??= this.budget.remainingOf(stepsBetween(this.plan.mechanisms, this.step, this.plan.steps));
    return this.affordable;
  }

  allowsStep(): boolean {
    return this.remainingSteps() > 0;
  }

  /** Counts a step that is about to be taken. Throws a BudgetExceededError, counting nothing, past the budget. */
  countStep(): void {
    const mechanism = this.next();
    if (this.plan.privacy && !mechanism) throw new RangeError(`the plan ends after ${this.plan.steps} steps`);
    if (!this.allowsStep()) {
      const { targetEpsilon, delta } = this.plan.privacy as NonNullable<TrainingPlan["privacy"]>;
      throw new BudgetExceededError(`one more step would exceed the budget epsilon ${targetEpsilon} at delta ${delta}`);
    }
    if (mechanism) {
      this.accountant.step(mechanism);
      this.moments.step(mechanism);
    }
    if (this.affordable !== undefined) this.affordable--;
    this.counted++;
    this.step++;
  }

  /** Spent so far, exactly; undefined without privacy. */
  epsilon(): number | undefined {
    return this.plan.privacy && this.accountant.epsilon(this.plan.privacy.delta);
  }

  /**
   * What the steps so far have spent at most: ε at the end of the stage that they are in, or by moments where that is less.
   * Exact at the end of the plan. Undefined without privacy.
   */
  epsilonBound(): number | undefined {
    const { privacy, steps } = this.plan;
    if (!privacy) return undefined;
    if (this.step === steps || this.accountant.name === this.moments.name) return this.epsilon();
    if (!this.stage || this.stage.end < this.step) this.stage = this.nextStage(privacy);
    return Math.min(this.stage.epsilon, this.moments.epsilon(privacy.delta));
  }

  private nextStage({ delta, accountant }: NonNullable<TrainingPlan["privacy"]>): { end: number; epsilon: number } {
    const { stepsPerEpoch, steps, mechanisms } = this.plan;
    const length = Math.max(stepsPerEpoch, Math.ceil(steps / MOST_STAGES));
    const allowed = this.step + this.remainingSteps();
    const end = Math.min(Math.ceil(this.step / length) * length, steps, allowed);
    const quick = makeQuickAccountant(accountant);
    const epsilon = quick.epsilonWith([...this.accountant.steps(), ...stepsBetween(mechanisms, this.step, end)], delta);
    // Steps that the budget allows were proved to stay within it.
    return { end, epsilon: Math.min(epsilon, this.budget?.epsilon ?? epsilon) };
  }

  private next(): SampledGaussian | undefined {
    const row = stepsBetween(this.plan.mechanisms, this.step, this.step + 1)[0];
    return row && charged(row)[0];
  }
}
