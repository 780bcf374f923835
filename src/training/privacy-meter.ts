/** What a run has spent and may still spend: accountant and budget behind the few questions that the loop asks. */
import { type Accountant, makeAccountant } from "../privacy/accountant.js";
import { PrivacyBudget } from "../privacy/budget.js";
import { countSteps, stepsBetween } from "../privacy/ledger-rows.js";
import type { MechanismSteps, SampledGaussian } from "../privacy/mechanism.js";
import type { TrainingPlan } from "./training-plan.js";

export class PrivacyMeter {
  private readonly accountant: Accountant = makeAccountant("rdp");
  private readonly budget: PrivacyBudget | undefined;
  private affordable: number | undefined;
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
    if (!privacy) return;
    for (const row of spent) this.accountant.step(row, row.steps);
    if (privacy.targetEpsilon === undefined) return;
    this.budget = new PrivacyBudget(this.accountant, privacy.targetEpsilon, privacy.delta);
  }

  /** Steps counted so far. */
  get steps(): number {
    return this.counted;
  }

  /** σ of the next step; 0 without privacy. */
  get noiseMultiplier(): number {
    return this.next()?.noiseMultiplier ?? 0;
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
    if (mechanism && this.budget) this.budget.take(mechanism);
    else if (mechanism) this.accountant.step(mechanism);
    if (this.affordable !== undefined) this.affordable--;
    this.counted++;
    this.step++;
  }

  /** Spent so far; undefined without privacy. */
  epsilon(): number | undefined {
    if (!this.plan.privacy) return undefined;
    return this.budget?.spentEpsilon() ?? this.accountant.epsilon(this.plan.privacy.delta);
  }

  private next(): SampledGaussian | undefined {
    const row = stepsBetween(this.plan.mechanisms, this.step, this.step + 1)[0];
    return row && { samplingRate: row.samplingRate, noiseMultiplier: row.noiseMultiplier };
  }
}
