/** Rows of steps in their order: cut and counted. */
import type { MechanismSteps } from "./mechanism.js";

/** Rows of `plan` from step `from` (counted from 0) up to step `to`, in order. */
export function stepsBetween(plan: readonly MechanismSteps[], from: number, to: number): MechanismSteps[] {
  let first = 0;
  return plan.flatMap((row) => {
    const start = Math.max(from, first);
    first += row.steps;
    const steps = Math.min(to, first) - start;
    return steps > 0 ? [{ ...row, steps }] : [];
  });
}

/** Steps of all rows together. */
export function countSteps(rows: readonly MechanismSteps[]): number {
  return rows.reduce((sum, { steps }) => sum + steps, 0);
}
