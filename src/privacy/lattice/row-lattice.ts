/** The lattices of steps, whichever kind each is of. */

import { isAllocated, type MechanismSteps } from "../mechanism.js";
import { cycleLattice, cycleLength } from "./cycle-lattice.js";
import { latticeLength, lossAbove, lossBelow } from "./loss-lattice.js";
import type { Side } from "./random-allocation.js";
import type { LatticeSteps } from "./tilted-composition.js";

/** How many points they have together, about; Infinity where one is not made that fine. */
export function latticePoints(rows: readonly MechanismSteps[], spacing: number, missing: number): number {
  const laws = rows.filter(isAllocated).length;
  return rows.reduce(
    (sum, row) =>
      sum + (isAllocated(row) ? cycleLength(row, spacing, missing, laws) : latticeLength(row, spacing, missing)),
    0,
  );
}

/** From above at most `missing` mass of each step is left out and told; from below it counts for nothing. */
export function latticesOf(
  rows: readonly MechanismSteps[],
  side: Side,
  spacing: number,
  missing: number,
): LatticeSteps[] {
  const make = side === "above" ? lossAbove : lossBelow;
  const laws = rows.filter(isAllocated).length;
  return rows.map((row) => ({
    lattice: isAllocated(row) ? cycleLattice(row, side, spacing, missing, laws) : make(row, spacing, missing),
    steps: row.steps,
  }));
}
