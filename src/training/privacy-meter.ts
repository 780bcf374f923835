/** What a run has spent and may still spend: accountant and budget behind the few questions that the loop asks. */
import { type Accountant, makeAccountant } from "../privacy/accountant.js";
import { PrivacyBudget } from "../privacy/budget.js";
import type { SampledGaussian } from "../privacy/mechanism.js";
import type { TrainingPlan } from "./training-plan.js";

export class PrivacyMeter {
  private readonly accountant: Accountant = makeAccountant("rdp");
  private readonly budget: PrivacyBudget | undefined;
  private readonly mechanism: SampledGaussian;
  private counted: number;

  /** `alreadyCounted`: steps of earlier parts of the run, lost ones included. */
  constructor(
    private readonly plan: TrainingPlan,
    alreadyCounted: number,
  ) {
    const { samplingRate, noiseMultiplier, privacy } = plan;
    this.mechanism = { samplingRate, noiseMultiplier };
    this.counted = alreadyCounted;
    if (!privacy) return;
    this.accountant.step(this.mechanism, alreadyCounted);
    if (privacy.targetEpsilon === undefined) return;
    this.budget = new PrivacyBudget(this.accountant, privacy.targetEpsilon, privacy.delta);
  }

  /** Steps counted so far. */
  get steps(): number {
    return this.counted;
  }

  /** Steps that stay within the budget; Infinity without one. */
  remainingSteps(): number {
    return this.budget?.remainingSteps(this.mechanism) ?? Number.POSITIVE_INFINITY;
  }

  allowsStep(): boolean {
    return this.remainingSteps() > 0;
  }

  /** Counts a step that is about to be taken. Throws a BudgetExceededError, counting nothing, past the budget. */
  countStep(): void {
    if (this.budget) this.budget.take(this.mechanism);
    else if (this.plan.privacy) this.accountant.step(this.mechanism);
    this.counted++;
  }

  /** Spent so far; undefined without privacy. */
  epsilon(): number | undefined {
    if (!this.plan.privacy) return undefined;
    return this.budget?.spentEpsilon() ?? this.accountant.epsilon(this.plan.privacy.delta);
  }
}
