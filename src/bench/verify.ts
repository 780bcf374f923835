/** Nothing is timed before it matches its reference: a strategy's clipped sum against one example at a time. */
import type { StrategyName } from "../native/binding.js";
import { sgd } from "../optimizers/index.js";
import type { Batch } from "../training/batch.js";
import { createSession } from "../training/session.js";
import type { Tensors } from "../training/tensors.js";
import { type Workload, workloadBatch } from "./workloads.js";

export const TOLERANCE = 1e-5;
/** At most, and no more than a quarter of a usual batch: where that is small, an example takes long. */
const EXAMPLES = 16;
const SEED = 1;
const THRESHOLD = 1;
/** `none` does not clip: its reference is the sum under a threshold that no gradient reaches. */
const UNREACHED = 1e12;

/**
 * The largest difference of any parameter's clipped sum between `strategy` and `naive`, over the largest value of that
 * parameter's sum.
 */
export async function strategyDifference(workload: Workload, strategy: StrategyName): Promise<number> {
  const model = workload.model();
  const batch = workloadBatch(workload, model.spec.inputShape, Math.min(EXAMPLES, Math.ceil(workload.batch / 4)));
  const threshold = strategy === "none" ? UNREACHED : THRESHOLD;
  const sums = (wanted: StrategyName) => clippedSums(workload, wanted, threshold, batch);
  return largestDifference(await sums(strategy), await sums("naive"));
}

/** @throws Error saying by how much it differs. */
export async function requireMatch(workload: Workload, strategy: StrategyName): Promise<void> {
  const difference = await strategyDifference(workload, strategy);
  if (difference <= TOLERANCE) return;
  throw new Error(mismatch(difference));
}

export function mismatch(difference: number): string {
  return `its clipped sum differs from naive's by ${difference.toExponential(1)} (relative; allowed: ${TOLERANCE})`;
}

/** Not a number where either is not: never taken for a match. */
export function largestDifference(sums: Tensors, reference: Tensors): number {
  const differences = Object.entries(reference).map(([name, { data }]) => {
    const values = sums[name]?.data;
    if (values?.length !== data.length) return Number.NaN;
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (values[i] ?? Number.NaN))), 0);
    return apart === 0 ? 0 : apart / largest;
  });
  return Math.max(0, ...differences);
}

async function clippedSums(
  workload: Workload,
  strategy: StrategyName,
  threshold: number,
  batch: Batch,
): Promise<Tensors> {
  const session = createSession(workload.model(), {
    loss: workload.loss(),
    optimizer: sgd({ learningRate: 1 }),
    clipping: { function: "abadi", style: "flat", threshold },
    strategy,
    seed: SEED,
  });
  try {
    return (await session.clippedSum(batch)).sums;
  } finally {
    session.dispose();
  }
}
