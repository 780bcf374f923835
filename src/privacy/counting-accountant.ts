/** What all accountants do alike: they count steps by mechanism. What the counts cost is each one's own answer. */
import { checkKeys, checkList } from "../arguments.js";
import type { Accountant, EpsilonReport } from "./accountant.js";
import { checkNumber, ranges } from "./check.js";
import { type CyclicSteps, charged } from "./cycle.js";
import { totalVariation } from "./discrete-gaussian.js";
import { withFailure } from "./failure.js";
import { type MechanismSteps, mechanismKeys, type SampledGaussian, StepCounts } from "./mechanism.js";

export abstract class CountingAccountant implements Accountant {
  abstract readonly name: string;
  abstract readonly upperBound: boolean;
  private readonly counts = new StepCounts();

  /** ε at `delta` of these steps, which are checked, were their noise continuous. */
  protected abstract answer(rows: readonly MechanismSteps[], delta: number): EpsilonReport;

  step(mechanism: SampledGaussian, count = 1): void {
    checkKeys("mechanism", mechanism, [...mechanismKeys, "steps"]); // of a row, whose steps are `count`
    this.counts.add(mechanism, count);
  }

  steps(): readonly MechanismSteps[] {
    return this.counts.list();
  }

  epsilon(delta: number): number {
    return this.report(delta).epsilon;
  }

  report(delta: number): EpsilonReport {
    return this.reportOf(this.counts.list(), delta);
  }

  epsilonAfter(mechanism: SampledGaussian, count: number, delta: number): number {
    return this.epsilonWith([{ ...mechanism, steps: count }], delta);
  }

  epsilonWith(more: readonly CyclicSteps[], delta: number): number {
    checkList("more", more, "rows of steps");
    return this.reportOf([...this.counts.list(), ...more.flatMap(charged)], delta).epsilon;
  }

  private reportOf(rows: readonly MechanismSteps[], delta: number): EpsilonReport {
    checkNumber("delta", delta, ranges.delta);
    const lost = rows.reduce((sum, row) => sum + row.steps * (row.failure ?? 0), totalVariation(rows));
    return withFailure((left) => this.answer(rows, left), delta, lost);
  }
}
