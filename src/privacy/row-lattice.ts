/** The lattice of one step of a row, whichever kind of step that is. */
import { cycleLattice, cycleLength } from "./cycle-lattice.js";
import { type LossLattice, latticeLength, lossAbove, lossBelow } from "./loss-lattice.js";
import { isAllocated, type SampledGaussian } from "./mechanism.js";

/** How many points it has, about; Infinity where it is not made that fine. */
export function rowLength(row: SampledGaussian, spacing: number, missing: number): number {
  return isAllocated(row) ? cycleLength(row, spacing, missing) : latticeLength(row, spacing, missing);
}

/** From above; at most `missing` mass is left out and told. */
export function rowAbove(row: SampledGaussian, spacing: number, missing: number): LossLattice {
  return isAllocated(row) ? cycleLattice(row, "above", spacing, missing) : lossAbove(row, spacing, missing);
}

/** From below; what is left out counts for nothing. */
export function rowBelow(row: SampledGaussian, spacing: number, missing: number): LossLattice {
  return isAllocated(row) ? cycleLattice(row, "below", spacing, missing) : lossBelow(row, spacing, missing);
}
