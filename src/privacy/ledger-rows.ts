/** Rows of steps in their order: cut and counted. */
import { type CyclicSteps, charged, cut } from "./cycle.js";
import { type MechanismSteps, StepCounts } from "./mechanism.js";

/** Rows of `plan` from step `from` (counted from 0) up to step `to`, in order. */
export function stepsBetween(plan: readonly CyclicSteps[], from: number, to: number): CyclicSteps[] {
  let first = 0;
  return plan.flatMap((row) => {
    const start = Math.max(from, first);
    first += row.steps;
    const steps = Math.min(to, first) - start;
    return steps > 0 ? [cut(row, start - (first - row.steps), steps)] : [];
  });
}

/** Steps of all rows together. */
export function countSteps(rows: readonly MechanismSteps[]): number {
  return rows.reduce((sum, { steps }) => sum + steps, 0);
}

/** What steps of all rows cost, merged by mechanism. */
export function costOf(rows: readonly CyclicSteps[]): readonly MechanismSteps[] {
  const counts = new StepCounts();
  for (const row of rows.flatMap(charged)) counts.add(row, row.steps);
  return counts.list();
}
