/**
 * One run with many canaries, each in the data with probability ½, seen by an adversary who sees every model: Steinke,
 * Nasr, Jagielski 2023, bounded as in Mahloujifar, Melis, Chaudhuri 2024 (guesses.ts).
 */
import { readableSteps, sameMechanism } from "./audited-run.js";
import { CanaryScores } from "./canary-scores.js";
import { type CheckedAudit, canariesFor, makeObserver, nextSeed, trainOnce } from "./context.js";
import { AuditDataset } from "./dataset.js";
import type { AuditFindings } from "./report.js";
import type { Claim } from "./shown-bound.js";
import { concludeFromScores } from "./told-apart.js";
import { Witness } from "./witness.js";

export async function auditOneRun(audit: CheckedAudit, steps: number): Promise<AuditFindings & { claim: Claim }> {
  const { options, random, canaries: count, confidence } = audit;
  const { train, onProgress } = options;
  const { config: same, plan, claim } = sameMechanism(options.config, train.size, steps, train.size + count);
  const config = { ...readableSteps(same, plan), seed: nextSeed(random) };
  const records = Uint32Array.from({ length: train.size }, (_, i) => i);
  using observer = makeObserver(config);
  const { canaries, share } = await canariesFor(config, { observer, dataset: train, records, count, random });
  const included = Array.from({ length: count }, () => random.bernoulli(0.5));
  const dataset = new AuditDataset(
    train,
    records,
    canaries,
    [...included.keys()].filter((i) => included[i]),
  );
  const scores = new CanaryScores(observer, canaries, plan.samplingRate);
  const watcher = new Witness({
    ...{ observer, config, plan, dataset, known: records.length, start: observer.parameters() },
    onStep: async (sum) => {
      await scores.add(sum);
      onProgress?.(sum.step / plan.steps);
    },
  });
  await trainOnce({ config, train: dataset, watcher }, options);
  const found = concludeFromScores(scores.values, included, claim, 1 - confidence);
  return { ...found, runs: 1, canaries: count, records: records.length, share, claim };
}
