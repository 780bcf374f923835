/** What `privacy.noise: "discrete"` goes with: clipped gradients are rounded, summed as integers, and noised exactly. */
import { gradientNoiseMultiplier } from "../privacy/adaptive-threshold.js";
import { checkNumber } from "../privacy/check.js";
import { discreteCountNoiseRange } from "../privacy/count-noise.js";
import { discreteNoiseRange } from "../privacy/discrete-gaussian.js";

export const noiseKinds = ["gaussian", "discrete"] as const;
/** gaussian: floating point; discrete: integers, an exact sampler, safe from attacks on floating-point noise. */
export type NoiseKind = (typeof noiseKinds)[number];

const writesOut: readonly string[] = ["fused", "materialize", "naive"];

/** The key of the option that discrete noise does not go with, and what is allowed there; undefined: it goes. */
export function discreteNoiseConflict(
  strategy: string,
): { readonly key: "strategy"; readonly allowed: string } | undefined {
  if (writesOut.includes(strategy)) return undefined;
  const allowed = `${writesOut.join(", ")} beside discrete noise, which rounds each example's gradient before it is summed; the others never write it out`;
  return { key: "strategy", allowed };
}

/** @throws RangeError for a noise multiplier that the grid is not made for. */
export function checkDiscreteNoise(noiseMultiplier: number, name = "noiseMultiplier"): void {
  checkNumber(`${name} of discrete noise`, noiseMultiplier, discreteNoiseRange);
}

/**
 * Of adaptive thresholds: σ_b on the counts, and what it leaves of σ for the gradients.
 * @throws RangeError that names the key, what came and what is allowed.
 */
export function checkDiscreteCounts(noiseMultiplier: number, countNoise: number, groups: number): void {
  checkNumber("clipping.adaptive.countNoise of discrete noise", countNoise, discreteCountNoiseRange);
  const ofGradients = gradientNoiseMultiplier(noiseMultiplier, countNoise, groups);
  const most = discreteNoiseRange.max;
  if (ofGradients <= most) return;
  throw new RangeError(
    `clipping.adaptive.countNoise: got ${countNoise}, allowed: more. Beside noise multiplier ${noiseMultiplier} it leaves the ` +
      `gradients one of ${ofGradients}, above ${most}, the most of discrete noise`,
  );
}
