/** What `privacy.noise: "discrete"` goes with: clipped gradients are rounded, summed as integers, and noised exactly. */
import { checkNumber } from "../privacy/check.js";
import { discreteNoiseRange } from "../privacy/discrete-gaussian.js";

export const noiseKinds = ["gaussian", "discrete"] as const;
/** gaussian: floating point; discrete: integers, an exact sampler, safe from attacks on floating-point noise. */
export type NoiseKind = (typeof noiseKinds)[number];

const writesOut: readonly string[] = ["fused", "materialize", "naive"];

/** The key of the option that discrete noise does not go with, and what is allowed there; undefined: it goes. */
export function discreteNoiseConflict(options: {
  readonly strategy: string;
  readonly adaptive: unknown;
}): { readonly key: "strategy" | "clipping"; readonly allowed: string } | undefined {
  if (!writesOut.includes(options.strategy)) {
    const allowed = `${writesOut.join(", ")} beside discrete noise, which rounds each example's gradient before it is summed; the others never write it out`;
    return { key: "strategy", allowed };
  }
  if (options.adaptive) {
    const allowed =
      'no adaptive thresholds beside discrete noise, for their counts have continuous noise; a schedule of thresholds goes with it, and "gaussian" noise with adaptive ones';
    return { key: "clipping", allowed };
  }
  return undefined;
}

/** @throws RangeError for a noise multiplier that the grid is not made for. */
export function checkDiscreteNoise(noiseMultiplier: number, name = "noiseMultiplier"): void {
  checkNumber(`${name} of discrete noise`, noiseMultiplier, discreteNoiseRange);
}
