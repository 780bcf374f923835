/** What every mode of an audit starts from. */

import type { Dataset } from "../data/dataset.js";
import { checkNumber } from "../privacy/check.js";
import { RandomKeys, type RandomStream } from "../privacy/random.js";
import { sensitivity, weightBound } from "../privacy/sensitivity.js";
import { clippingOf, type TrainingConfig } from "../training/config.js";
import { buildModel } from "../training/model-config.js";
import { makeSession } from "../training/prepare.js";
import type { Session } from "../training/session.js";
import { Trainer, type TrainerOptions } from "../training/trainer.js";
import { makeCanaries } from "./canaries.js";
import type { Canaries } from "./dataset.js";
import type { AuditMode } from "./report.js";

export interface AuditOptions {
  readonly config: TrainingConfig;
  readonly train: Dataset;
  /** Of the white-box audit alone: trainings, half of them with the canary: an even number ≥ 8. Default 1000. */
  readonly runs?: number | undefined;
  /** Of the other modes: records that are in the data or not: a whole number ≥ 8. Default 1000. */
  readonly canaries?: number | undefined;
  /** In (0.5, 1): with this probability a right claim passes. Default 0.95. */
  readonly confidence?: number | undefined;
  /** Steps of a training. Default: the configuration's, in a white-box audit at most 100. */
  readonly steps?: number | undefined;
  /** Repeats an audit: a whole number ≥ 0. Default: drawn. */
  readonly seed?: number | undefined;
  /** Told how much is done, in (0, 1]. */
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckedAudit {
  readonly options: AuditOptions;
  readonly runs: number;
  readonly canaries: number;
  readonly confidence: number;
  readonly random: RandomStream;
}

/** @throws RangeError naming the option, what came and what is allowed. */
export function checkAudit(mode: AuditMode, options: AuditOptions): CheckedAudit {
  const { runs = 1000, canaries = 1000, confidence = 0.95, steps, seed } = options;
  checkNumber("runs", runs, { min: 8, max: 1e7, integer: true });
  if (runs % 2 !== 0) throw new RangeError(`runs must be even, half with the canary and half without, got ${runs}`);
  checkNumber("canaries", canaries, { min: 8, max: 1e6, integer: true });
  refuseStray(mode, options);
  checkNumber("confidence", confidence, { min: 0.5, max: 1, openMin: true, openMax: true });
  if (steps !== undefined) checkNumber("steps", steps, { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true });
  if (options.train.size === 0) throw new RangeError("train: got no examples, at least one is allowed");
  return { options, runs, canaries, confidence, random: new RandomKeys(seed).stream("audit") };
}

/** What another mode is sized by would be ignored. */
function refuseStray(mode: AuditMode, { runs, canaries }: AuditOptions): void {
  if (mode === "white-box" && canaries !== undefined) {
    throw new RangeError(
      `canaries: got ${canaries}; allowed: only with mode one-run or membership; white-box takes runs`,
    );
  }
  if (mode !== "white-box" && runs !== undefined) {
    throw new RangeError(
      `runs: got ${runs}; allowed: only with mode white-box; ${mode} trains once, and takes canaries`,
    );
  }
}

/** A whole number that seeds one run. */
export function nextSeed(random: RandomStream): number {
  return random.uint32() * 2 ** 20 + random.integer(2 ** 20);
}

/** `count` of the numbers 0 … size − 1, each set as likely, ascending. */
export function chooseRecords(random: RandomStream, size: number, count: number): Uint32Array {
  const all = Uint32Array.from({ length: size }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const other = i + random.integer(size - i);
    [all[i], all[other]] = [all[other] as number, all[i] as number];
  }
  return all.subarray(0, count).sort();
}

/** A session like those of the runs, to compute with; without augmentation, as they are. */
export function makeObserver(config: TrainingConfig): Session {
  return makeSession({ ...config, data: { ...config.data, augmentation: undefined } }, buildModel(config));
}

export async function canariesFor(
  config: TrainingConfig,
  made: Readonly<{ observer: Session; dataset: Dataset; records: Uint32Array; count: number; random: RandomStream }>,
): Promise<{ canaries: Canaries; share: number }> {
  const { maxWeight = 1 } = config.clipping;
  const weight = Math.min(maxWeight, weightBound(config.clipping));
  return await makeCanaries({ ...made, weight, sensitivity: sensitivity(clippingOf(config)) });
}

/** Trains once. @throws the signal's reason where it asked to stop. */
export async function trainOnce(options: TrainerOptions, { signal }: AuditOptions): Promise<void> {
  signal?.throwIfAborted();
  const { stopped } = await new Trainer(options).run(signal);
  if (stopped === "interrupted") signal?.throwIfAborted();
}
