/** What all accountants do alike: they count steps by mechanism. What the counts cost is each one's own answer. */
import type { Accountant, EpsilonReport } from "./accountant.js";
import { checkSteps, type MechanismSteps, type SampledGaussian, StepCounts } from "./mechanism.js";

export abstract class CountingAccountant implements Accountant {
  abstract readonly name: string;
  abstract readonly upperBound: boolean;
  private readonly counts = new StepCounts();

  /** ε at `delta` of these steps, which are checked. */
  protected abstract answer(rows: readonly MechanismSteps[], delta: number): EpsilonReport;

  step(mechanism: SampledGaussian, count = 1): void {
    this.counts.add(mechanism, count);
  }

  steps(): readonly MechanismSteps[] {
    return this.counts.list();
  }

  epsilon(delta: number): number {
    return this.report(delta).epsilon;
  }

  report(delta: number): EpsilonReport {
    return this.answer(this.counts.list(), delta);
  }

  epsilonAfter(mechanism: SampledGaussian, count: number, delta: number): number {
    return this.epsilonWith([{ ...mechanism, steps: count }], delta);
  }

  epsilonWith(more: readonly MechanismSteps[], delta: number): number {
    more.forEach(checkSteps);
    return this.answer([...this.counts.list(), ...more], delta).epsilon;
  }
}
