/**
 * Membership inference on real records: some of them are in the data with probability ½, the run is the user's own to the
 * end, and the attack sees the last model alone: the lower a record's loss, the likelier it was there (Yeom et al. 2018).
 */

import type { Dataset } from "../data/dataset.js";
import { prefetch } from "../data/prefetch.js";
import type { Session } from "../training/session.js";
import type { Tensors } from "../training/tensors.js";
import type { RunWatcher, WatchedSession } from "../training/trainer.js";
import { sameMechanism } from "./audited-run.js";
import { type CheckedAudit, chooseRecords, makeObserver, nextSeed, trainOnce } from "./context.js";
import { AuditDataset } from "./dataset.js";
import type { AuditFindings } from "./report.js";
import { rocOf } from "./roc.js";
import type { Claim } from "./shown-bound.js";
import { concludeFromScores } from "./told-apart.js";

/** At most this share of the records is at stake, so that what is left trains the model. */
const MOST_AT_STAKE = 0.5;

export async function auditMembership(audit: CheckedAudit, steps: number): Promise<AuditFindings & { claim: Claim }> {
  const { options, random, confidence } = audit;
  const { train, onProgress } = options;
  const count = Math.min(audit.canaries, Math.floor(MOST_AT_STAKE * train.size));
  if (count < 2) throw new RangeError(`train: got ${train.size} examples, at least 4 are allowed`);
  const { config: same, plan, claim } = sameMechanism(options.config, train.size, steps, train.size);
  const config = { ...same, seed: nextSeed(random) };
  const atStake = chooseRecords(random, train.size, count);
  const included = Array.from(atStake, () => random.bernoulli(0.5));
  const left = new Set(atStake.filter((_, i) => !included[i]));
  const records = Uint32Array.from({ length: train.size }, (_, i) => i).filter((record) => !left.has(record));
  using observer = makeObserver(config);
  const last = new LastModel((step) => onProgress?.(step / plan.steps));
  await trainOnce({ config, train: new AuditDataset(train, records), watcher: last }, options);
  observer.loadParameters(last.parameters);
  const scores = (await lossesOf(observer, train, atStake)).map((loss) => -loss);
  const found = concludeFromScores(scores, included, claim, 1 - confidence);
  const roc = rocOf(
    [...scores.filter((_, i) => included[i])],
    [...scores.filter((_, i) => !included[i])],
    1 - confidence,
  );
  return { ...found, roc, runs: 1, canaries: count, records: train.size - count, claim };
}

class LastModel implements RunWatcher {
  parameters: Tensors = {};

  constructor(private readonly onStep: (step: number) => void) {}

  begin(): void {}

  step(session: WatchedSession, { step, steps }: { readonly step: number; readonly steps: number }): void {
    this.onStep(step);
    if (step === steps) this.parameters = session.parameters();
  }
}

/** A loss that is no number says that the record was no help: the largest there is. */
async function lossesOf(observer: Session, dataset: Dataset, records: Uint32Array): Promise<Float64Array> {
  const losses = new Float64Array(records.length);
  for await (const { source } of prefetch(dataset, [records])) losses.set((await observer.evaluate(source)).losses);
  return losses.map((loss) => (Number.isFinite(loss) ? loss : Number.MAX_VALUE));
}
