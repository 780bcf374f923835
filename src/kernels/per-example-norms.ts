/** Squared Euclidean norms of per-example gradients, in float64, in one read of memory: above the exact
 * ones by at most 1e-6 of them, and not below them but for the rounding of float64 (1e-14 of them). Private data: no noise. */
import { checkChoice, checkKeys } from "../arguments.js";
import { loadBinding } from "../native/load.js";
import { type GradientArray, type GradientOptions, gradientKeys, noColumns, readGradients } from "./arrays.js";
import { blockStyles } from "./clip-and-sum.js";
import { named, whileHeld } from "./hold.js";

export interface NormOptions extends GradientOptions {
  /** flat (default): one norm an example; per-block: one an example and block. */
  readonly style?: (typeof blockStyles)[number] | undefined;
}

type Input = GradientArray | readonly GradientArray[];

/** [groups, examples]: ‖g_b‖², Infinity or NaN where a gradient is not finite. See `clipAndSum` for the rules. */
export async function perExampleNorms(gradients: Input, options: NormOptions): Promise<Float64Array> {
  const spec = prepare(gradients, options);
  await whileHeld([...named("gradients", spec.gradients), ["mask", spec.kept]], () =>
    loadBinding().examples.norms(spec),
  );
  return spec.squaredNorms;
}

export function perExampleNormsSync(gradients: Input, options: NormOptions): Float64Array {
  const spec = prepare(gradients, options);
  loadBinding().examples.normsSync(spec);
  return spec.squaredNorms;
}

function prepare(value: Input, options: NormOptions) {
  checkKeys("options", options, [...gradientKeys, "style"]);
  const { style = "flat" } = options;
  checkChoice("style", style, blockStyles);
  const columns = noColumns(value);
  const { list, ...read } = readGradients(value, options, columns);
  const perBlock = style === "per-block";
  const groups = perBlock ? read.gradients.length : 1;
  return { ...read, perBlock, squaredNorms: new Float64Array(groups * read.examples) };
}
