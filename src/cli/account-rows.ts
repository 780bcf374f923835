/** What `hushgrad account` accounts for: the steps that its flags say, or those of a file. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { ranges } from "../privacy/check.js";
import type { CyclicSteps } from "../privacy/cycle.js";
import type { kindKeys } from "../privacy/mechanism.js";
import { type Relation, relations, underRelation } from "../privacy/relation.js";
import { configObject, parseConfigValue } from "../training/config-errors.js";
import { allowed, choice, whole } from "../training/config-values.js";
import { whyUnreadable } from "../training/files.js";
import { type CorrelationOptions, correlatedRows } from "./account-correlation.js";
import type { SampledSteps } from "./sampling-flags.js";

export interface RowOptions extends CorrelationOptions {
  readonly samplingRate?: number;
  readonly noiseMultiplier?: number;
  readonly steps?: number;
  readonly compose?: string;
}

/** What is accounted for, all of it under the relation. */
export interface AccountedRows {
  readonly rows: readonly CyclicSteps[];
  readonly relation: Relation;
}

const rate = "a number from 0 to 1";
const row = configObject({
  /** Says what it is; for the reader alone. */
  name: z.string(allowed("a string")).optional(),
  /** q; 1 by default: a query of all the data, such as a private evaluation. */
  samplingRate: z.number(allowed(rate)).min(0, allowed(rate)).max(1, allowed(rate)).default(1),
  /** σ over the sensitivity of what the noise was added to. */
  noiseMultiplier: z
    .number(allowed("a number, at least 0"))
    .min(0, allowed("a number, at least 0"))
    .max(ranges.noiseMultiplier.max, allowed("a number, at most 1e15")),
  steps: whole(0).default(1),
  relation: choice(["replace-one"]).optional(),
  sample: choice(["fixed-size"]).optional(),
  /** Of random allocation, whose cycles the steps then are. */
  bins: whole(1).optional(),
  /** Of each step, to have been another mechanism. */
  failure: z.number(allowed(rate)).min(0, allowed(rate)).max(1, allowed(rate)).optional(),
  discreteCoordinates: whole(1).optional(),
} satisfies Record<(typeof kindKeys)[number] | "name" | "samplingRate" | "noiseMultiplier" | "steps", z.ZodType>);
const file = configObject({
  mechanisms: z.array(row, allowed("a list of mechanisms")).min(1, allowed("at least one mechanism")),
});

/** Plain Poisson sampling has no such pattern: an example may be in every batch. */
const APART =
  "correlated noise is accounted for by how far apart the steps of one example lie, by its sampler: --participation " +
  "cyclic:K (cyclicPoisson), separated:K (bMinSep) or once-a-cycle:K (shuffle, ballsInBins); poisson keeps none apart";

/**
 * The steps, each under the relation that is theirs. Undefined where the flags are not complete. Throws a ConfigError naming the file and
 * what is wrong in it.
 */
export function rowsOf(options: RowOptions, sampled: SampledSteps): AccountedRows | undefined {
  const { samplingRate, noiseMultiplier, steps, compose } = options;
  const { relation } = sampled;
  refuseStrayFlags(options);
  const given = [samplingRate, noiseMultiplier, steps].filter((value) => value !== undefined).length;
  if (compose !== undefined) {
    if (given > 0 || Object.keys(sampled.facts(1)).length > 0) return undefined;
    return underOne(readRows(compose), compose, sampled.asked);
  }
  if (samplingRate === undefined || noiseMultiplier === undefined || steps === undefined) return undefined;
  if (options.correlation !== undefined) {
    if (sampled.chosen !== undefined) throw new RangeError(`--correlation: not with ${sampled.chosen}; ${APART}`);
    if (options.participation === undefined) throw new RangeError(`--correlation: needs --participation; ${APART}`);
    return { rows: correlatedRows({ ...options, relation }, { samplingRate, noiseMultiplier, steps }), relation };
  }
  return { rows: [{ ...sampled.mechanism(samplingRate), noiseMultiplier, steps }], relation };
}

/** As asked for, or else the strongest relation that all rows are proved under. */
function underOne(rows: readonly CyclicSteps[], file: string, asked: Relation | undefined): AccountedRows {
  const proved = relations.filter((relation) => rows.every((row) => provedOf(row).includes(relation)));
  const relation = asked ?? (proved[0] as Relation); // replace-one at least
  if (proved.includes(relation)) return { rows: rows.map((row) => underRelation(row, relation)), relation };
  const which = rows.findIndex((row) => !provedOf(row).includes(relation));
  throw new RangeError(
    `--relation ${relation}: allowed with ${file}, by its mechanisms.${which}: ${proved.join(", ")}`,
  );
}

/** Samples of fixed size, and Poisson ones that are cut down, are of data whose size is the same for both neighbours. */
function provedOf({ relation, sample, failure }: CyclicSteps): readonly Relation[] {
  if (relation) return [relation];
  return sample || failure ? ["zero-out", "replace-one"] : relations;
}

function refuseStrayFlags({ correlation, participation, momentum, retention, compose }: RowOptions): void {
  if (correlation !== undefined && compose !== undefined) {
    throw new RangeError("--correlation: not with --compose, whose file holds every mechanism");
  }
  if (correlation !== undefined || [participation, momentum, retention].every((value) => value === undefined)) return;
  throw new RangeError("--participation, --momentum and --retention: only with --correlation");
}

function readRows(path: string): CyclicSteps[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: ${whyUnreadable(error)}; give the path of a JSON file of mechanisms`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
  return parseConfigValue(path, file, value).mechanisms.map(({ name, ...mechanism }) => mechanism);
}
