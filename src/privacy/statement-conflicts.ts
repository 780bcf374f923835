/** Facts of a statement that are each what they should be, but not together: a guarantee of both would be wrong. */
import { preview } from "../arguments.js";
import { type SamplerName, samplerNames, samplingType } from "../sampling/index.js";
import { checkDeltaOf } from "./check.js";
import { kindOf, type MechanismSteps } from "./mechanism.js";
import { defaultRelation, type Relation, relations } from "./relation.js";
import { euclideanNorm, ownThresholds } from "./sensitivity.js";
import type { PrivacyFacts } from "./statement-facts.js";

/** Batches that the caller composed: nothing is guaranteed, whatever the accountant holds. */
export const OWN_BATCHES = "own";

/** More than rounding, and a batch size that is nearly whole. */
const TOLERANCE = 1e-5;

/** @throws RangeError that names the fact, what came and what is allowed beside the others. */
export function checkTogether(facts: PrivacyFacts): void {
  const { datasetSize, expectedBatchSize, sampler } = facts.sampling;
  checkDeltaOf("delta", facts.delta, datasetSize);
  if (!(expectedBatchSize <= datasetSize * (1 + TOLERANCE))) {
    refuse("sampling.expectedBatchSize", expectedBatchSize, `at most datasetSize, ${datasetSize}`);
  }
  const rows = spending(facts);
  if (sampler !== OWN_BATCHES) for (const row of rows) checkSampler(facts, row);
  checkThresholds(facts);
}

/** Steps that say nothing about any example have no relation and no sample. */
function spending({ accountant }: PrivacyFacts): MechanismSteps[] {
  return accountant.steps().filter(({ steps, samplingRate }) => steps > 0 && samplingRate > 0);
}

/**
 * How neighbours differ: as the accountant's steps were counted, and nothing else.
 * @throws RangeError where the fact says otherwise.
 */
export function relationOf(facts: PrivacyFacts): Relation {
  const { relation, sampling } = facts;
  const counted = spending(facts).map((row) => row.relation === "replace-one");
  if (counted.includes(true) && counted.includes(false)) {
    refuse("accountant", "steps of replace-one beside others", "steps of one relation");
  }
  const accounted = relations.filter((one) => counted.length === 0 || (one === "replace-one") === counted[0]);
  const proved = isSampler(sampling.sampler) ? samplingType(sampling.sampler).relations : relations;
  const allowed = accounted.filter((one) => proved.includes(one));
  const wanted = relation ?? defaultRelation(sampling.datasetSizeIsPublic);
  if (relation === "add/remove" && !sampling.datasetSizeIsPublic) {
    throw new RangeError("relation: got add/remove, allowed only where the data set's size is declared public");
  }
  if (allowed.includes(wanted)) return wanted;
  const first = allowed.find((one) => one !== "add/remove");
  if (relation === undefined && first) return first;
  const why = `under which the accountant's steps were counted, and sampler ${sampling.sampler} is accounted for`;
  return refuse("relation", wanted, `${allowed.join(", ") || "none"}, ${why}`);
}

/** Whether a row may be what steps of a sampler are to the accountant; `share`: q, of the expected batch. */
const fitting: { readonly [Name in SamplerName]: (row: MechanismSteps, share: number) => boolean } = {
  poisson: (row, share) => isPlain(row) && isNear(row.samplingRate, share),
  truncatedPoisson: (row, share) => isPlain(row) && isNear(row.samplingRate, share),
  // Rates of what may be in a batch, which are no less than the share of all.
  cyclicPoisson: (row, share) => isPlain(row) && isAtLeast(row.samplingRate, share),
  bMinSep: (row, share) => isPlain(row) && isAtLeast(row.samplingRate, share),
  fixedSize: (row, share) => row.sample === "fixed-size" && isNear(row.samplingRate, share),
  shuffle: (row) => isPlain(row) && row.samplingRate === 1,
  ballsInBins: (row, share) =>
    row.sample === undefined && row.samplingRate === 1 && (row.bins ?? 1) <= Math.round((1 + TOLERANCE) / share),
};

function isPlain({ sample, bins }: MechanismSteps): boolean {
  return sample === undefined && bins === undefined;
}

function isNear(rate: number, share: number): boolean {
  return Math.abs(rate - share) <= TOLERANCE * share;
}

function isAtLeast(rate: number, share: number): boolean {
  return rate >= share * (1 - TOLERANCE);
}

function isSampler(name: string): name is SamplerName {
  return (samplerNames as readonly string[]).includes(name);
}

function checkSampler({ sampling, correlation }: PrivacyFacts, row: MechanismSteps): void {
  const { datasetSize, expectedBatchSize, sampler } = sampling;
  // Windows of steps with correlated noise are a mechanism on all the data, however they were sampled.
  if (correlation && isPlain(row) && row.samplingRate === 1) return;
  if (fitting[sampler as SamplerName](row, expectedBatchSize / datasetSize)) return;
  // The sampler itself may fit, but for the size of its batches.
  if (fitting[sampler as SamplerName](row, row.samplingRate) && row.samplingRate < 1) {
    const size = row.samplingRate * datasetSize;
    const allowed = `${size}, the accountant's sampling rate ${row.samplingRate} times datasetSize ${datasetSize}`;
    refuse("sampling.expectedBatchSize", expectedBatchSize, allowed);
  }
  const others = samplerNames.filter((name) => fitting[name](row, expectedBatchSize / datasetSize));
  const came = preview({ samplingRate: row.samplingRate, ...kindOf(row) });
  refuse("sampling.sampler", sampler, `${others.join(", ") || "none"} beside steps of ${came} in the accountant`);
}

function checkThresholds({ groups, clipping }: PrivacyFacts): void {
  if (groups === undefined) return;
  const own = ownThresholds(clipping);
  if (own && own.length !== groups.length) refuse("groups", `${groups.length}`, `${own.length}, as clipping has them`);
  const [norm, whole] = [
    euclideanNorm(groups.map(({ threshold }) => threshold)),
    euclideanNorm(own ?? [clipping.threshold]),
  ];
  if (isNear(norm, whole)) return;
  refuse("groups", `thresholds of norm ${norm}`, `thresholds of norm ${whole}, as clipping has them`);
}

function refuse(name: string, came: unknown, allowed: string): never {
  throw new RangeError(`${name}: got ${came}; allowed: ${allowed}`);
}
