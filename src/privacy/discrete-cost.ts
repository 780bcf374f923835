/** Why discrete noise guarantees nothing where continuous noise would: what it costs in δ is more than there is. */
import { totalVariation } from "./discrete-gaussian.js";
import type { MechanismSteps } from "./mechanism.js";

/** A clause that names the cost and the ways out; undefined where that is not why. `epsilonOf`: what such rows cost at `delta`. */
export function discreteShortfall(
  rows: readonly MechanismSteps[],
  delta: number,
  epsilonOf: (rows: readonly MechanismSteps[]) => number,
): string | undefined {
  const distance = totalVariation(rows);
  if (distance === 0) return undefined;
  const epsilon = epsilonOf(rows.map(({ discreteCoordinates, ...row }) => row));
  if (!Number.isFinite(epsilon)) return undefined;
  return (
    `discrete noise is ${distance.toPrecision(3)} from continuous noise in total variation over all steps, which takes ` +
    `that times 1 + e^epsilon off delta: more than delta ${delta} at the epsilon of continuous noise, ` +
    `${epsilon.toPrecision(4)}. More noise, fewer steps or a larger delta make room for it, or noise "gaussian"`
  );
}
