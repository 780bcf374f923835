/** Every way of sampling, and the registry that configuration files go by. */
import { z } from "zod";
import { checkObject } from "../arguments.js";
import { checkNumber, ranges } from "../privacy/check.js";
import { parseConfigValue } from "../training/config-errors.js";
import { bMinSepSampling } from "./b-min-sep.js";
import { ballsInBinsSampling } from "./balls-in-bins.js";
import { cyclicPoissonSampling } from "./cyclic-poisson.js";
import type { Sampling, SamplingSetting, SamplingType } from "./define.js";
import { fixedSizeSampling } from "./fixed-size.js";
import { poissonSampling } from "./poisson.js";
import { shuffleSampling } from "./shuffle.js";
import { truncatedPoissonSampling } from "./truncated-poisson.js";

export type { Sampling, SamplingSetting } from "./define.js";

export const samplingTypes = [
  poissonSampling,
  truncatedPoissonSampling,
  cyclicPoissonSampling,
  bMinSepSampling,
  fixedSizeSampling,
  shuffleSampling,
  ballsInBinsSampling,
] as const;

type Schema = (typeof samplingTypes)[number]["schema"];
export type SamplingConfig = z.output<Schema>;
export type SamplerName = SamplingConfig["type"];
export const samplerNames = samplingTypes.map(({ type }) => type) as readonly SamplerName[];

/** The JSON form: `{type: "shuffle"}`. */
export const samplingSchema = z.discriminatedUnion(
  "type",
  samplingTypes.map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
  { error: () => `allowed: an object with "type" ${samplerNames.join(", ")}` },
);

/** What a type of sampling is. */
export function samplingType(name: SamplerName): SamplingType<z.ZodType<SamplingConfig>> {
  // The name and the options belong together, which the compiler cannot follow through a union.
  return samplingTypes.find(({ type }) => type === name) as unknown as SamplingType<z.ZodType<SamplingConfig>>;
}

/** Sampling as configured. Throws a ConfigError about what it cannot be, a RangeError about what does not fit the setting. */
export function makeSampling(config: SamplingConfig, setting: SamplingSetting): Sampling {
  checkObject("setting", setting, "an object of examples, samplingRate");
  checkNumber("examples", setting.examples, { min: 0, max: 2 ** 32 - 1, integer: true });
  checkNumber("samplingRate", setting.samplingRate, { ...ranges.samplingRate, openMin: true });
  const checked = parseConfigValue("sampling", samplingSchema, config);
  return samplingType(checked.type).create(checked, setting);
}
