/**
 * Many runs, half of them with a canary, seen by an adversary who sees every model: Nasr et al., "Adversary Instantiation",
 * 2021 (arXiv:2101.04535), and "Tight Auditing of Differentially Private Machine Learning", 2023 (arXiv:2302.07956).
 * One half of the runs chooses the threshold on the likelihood ratio, the other is told by it.
 */
import type { TrainingConfig } from "../training/config.js";
import { readableSteps, sameMechanism } from "./audited-run.js";
import { CanaryScores } from "./canary-scores.js";
import { type CheckedAudit, canariesFor, chooseRecords, makeObserver, nextSeed, trainOnce } from "./context.js";
import { AuditDataset } from "./dataset.js";
import {
  chooseThreshold,
  countErrors,
  type ErrorCounts,
  type ErrorRates,
  gaussianBound,
  largestRates,
  plainBound,
  ratesRefute,
} from "./error-rates.js";
import { NoiseCheck } from "./noise-check.js";
import { type AuditFindings, type ShownEpsilon, violationOf } from "./report.js";
import { boundBy, type Claim, isRefuted } from "./shown-bound.js";
import { Witness } from "./witness.js";

/** Other examples that a step draws on average: enough for a batch to be one, few for a run to be quick. */
const OTHERS_A_STEP = 8;

export function whiteBoxSteps(configured: number): number {
  return Math.min(configured, 100);
}

export async function auditWhiteBox(
  audit: CheckedAudit,
  q: number,
  steps: number,
): Promise<AuditFindings & { claim: Claim }> {
  const { options, random, runs, confidence } = audit;
  const { train, onProgress } = options;
  const others = Math.min(train.size, Math.ceil(OTHERS_A_STEP / q));
  const { config: same, plan, claim } = sameMechanism(options.config, train.size, steps, others + 1);
  const config = readableSteps(same, plan);
  const records = chooseRecords(random, train.size, others);
  const { canaries, share, start } = await prepare(audit, config, records);
  const noise = new NoiseCheck();
  const scores: Scores = { without: [], present: [] };
  for (let run = 0; run < runs; run++) {
    const present = run % 2 === 1;
    const seeded = { ...config, seed: nextSeed(random) };
    const dataset = new AuditDataset(train, records, canaries, present ? [0] : []);
    using observer = makeObserver(seeded);
    const canary = new CanaryScores(observer, canaries, plan.samplingRate);
    const watcher = new Witness({
      ...{ observer, config: seeded, plan, dataset, known: others, start },
      onStep: async (sum) => {
        if (!present) noise.add(sum);
        await canary.add(sum);
      },
    });
    await trainOnce({ config: seeded, train: dataset, watcher }, options);
    (present ? scores.present : scores.without).push(canary.values[0] as number);
    onProgress?.((run + 1) / runs);
  }
  return { ...conclude(scores, noise, claim, 1 - confidence), runs, canaries: 1, records: others, share, claim };
}

/** The canary, and the parameters that it is made for. */
async function prepare({ options, random }: CheckedAudit, config: TrainingConfig, records: Uint32Array) {
  using observer = makeObserver({ ...config, seed: nextSeed(random) });
  const made = await canariesFor(config, { observer, dataset: options.train, records, count: 1, random });
  return { ...made, start: observer.parameters() };
}

/** By run, with the canary and without. */
export interface Scores {
  readonly without: number[];
  readonly present: number[];
}

/** `mass`: of false violations, half for the rates and half for the noise. */
function conclude(scores: Scores, check: NoiseCheck, claim: Claim, mass: number) {
  const errors = errorsOf(scores, mass / 2);
  const rates = largestRates(errors, mass / 2);
  const shown = shownBy(rates, claim);
  const most = shownBy(largestRates({ ...errors, falseAlarms: 0, misses: 0 }, mass / 2), claim);
  const noise = check.findings(mass / 2);
  const violations = isRefuted((curve) => ratesRefute(rates, curve), claim) ? [violationOf(shown)] : [];
  return { shown, most, errors, noise, violations: [...violations, ...noise.faults] };
}

/** Of the second half of the runs, at the threshold that the first half chose. */
export function errorsOf({ without, present }: Scores, mass: number): ErrorCounts {
  const half = Math.floor(without.length / 2);
  const threshold = chooseThreshold(without.slice(0, half), present.slice(0, half), mass);
  return countErrors(without.slice(half), present.slice(half), threshold);
}

function shownBy(rates: ErrorRates, claim: Claim): ShownEpsilon {
  const { epsilon, noiseFactor } = boundBy((curve) => ratesRefute(rates, curve), claim);
  return {
    epsilon,
    noiseFactor: Number.isFinite(noiseFactor) ? noiseFactor : null,
    gaussian: gaussianBound(rates, claim.delta),
    plain: plainBound(rates, claim.delta),
  };
}
