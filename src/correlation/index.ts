/**
 * Noise that is correlated from step to step (matrix factorisation, DP-FTRL): in place of independent z_t the t-th step adds
 * σS·x_t, x = C⁻¹z. Its sums over steps, which are what the model is, then have less noise than sums of independent noise at the
 * same ε. To the accountant a run is C·G + σS·z, G the clipped sums step by step: src/correlation/charges.ts.
 *
 * C is lower triangular and Toeplitz, scaled so that its columns have norm 1 at most: σ is then the noise over what one
 * participation of an example adds, as it is without correlation.
 */
import { z } from "zod";
import { checkObject } from "../arguments.js";
import type { NoiseRecurrence } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { parseConfigValue } from "../training/config-errors.js";
import { bandMfCorrelation } from "./band-mf.js";
import { bisrCorrelation } from "./bisr.js";
import { bltCorrelation } from "./blt.js";
import type { CorrelationSetting, CorrelationType } from "./define.js";
import { checkParticipation } from "./participation.js";
import { firstColumn, scaled, singlePrecision } from "./recurrence.js";
import { sumOfSquares } from "./series.js";
import { checkWorkload } from "./workload.js";

export type { CorrelationSetting } from "./define.js";
export type { Participation } from "./participation.js";
export { prefixSums, type Workload, workloadOf } from "./workload.js";

export const correlationTypes = [bandMfCorrelation, bisrCorrelation, bltCorrelation] as const;

type Schema = (typeof correlationTypes)[number]["schema"];
export type CorrelationConfig = z.output<Schema>;
export const correlationNames = correlationTypes.map(({ type }) => type) as readonly CorrelationConfig["type"][];

/** The JSON form: `{type: "bandMF", bands: 8}`. */
export const correlationSchema = z.discriminatedUnion(
  "type",
  correlationTypes.map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
  { error: () => `allowed: an object with "type" ${correlationNames.join(", ")}` },
);

/** A C, made. */
export interface Correlation {
  readonly config: CorrelationConfig;
  /** In words, with its paper. */
  readonly title: string;
  /** First column of C as far as it is not 0, of norm 1 but for the float32 of its numbers; none is longer. */
  readonly column: Float64Array;
  /** Makes C⁻¹z. */
  readonly recurrence: NoiseRecurrence;
  /** Parameter-sized buffers that the noise needs. */
  readonly buffers: number;
}

/** Columns are held as a whole. */
export const mostCorrelatedSteps = 10_000_000;

/** Throws a ConfigError about a configuration that is none, a RangeError about steps out of range. */
export function makeCorrelation(config: CorrelationConfig, setting: CorrelationSetting): Correlation {
  checkObject("setting", setting, "an object of steps, participation, workload");
  checkNumber("steps beside correlated noise", setting.steps, { min: 1, max: mostCorrelatedSteps, integer: true });
  checkParticipation(setting.participation);
  checkWorkload(setting.workload);
  const checked = parseConfigValue("correlation", correlationSchema, config);
  // The name and the options belong together, which the compiler cannot follow through a union.
  const type = correlationTypes.find(({ type }) => type === checked.type) as unknown as CorrelationType<
    z.ZodType<CorrelationConfig>
  >;
  const raw = type.create(checked, setting);
  const norm = Math.sqrt(sumOfSquares(firstColumn(raw, setting.steps)));
  const recurrence = singlePrecision(scaled(raw, norm * MARGIN));
  return {
    config: checked,
    title: type.title,
    column: firstColumn(recurrence, setting.steps),
    recurrence,
    buffers: recurrence.weights.length,
  };
}

/** More than what float32 makes of coefficients. That of a decay near 1 moves a whole column: charges.ts looks at the column. */
const MARGIN = 1 + 2 ** -20;
