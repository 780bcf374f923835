/** A first step that left trainable parameters where they were is a mistake in the making: better an error now. */

import type { BatchStatistics, ParameterSpec, UpdateSpec } from "../native/binding.js";

/** Trainable parameters did not move in the first step. The step has been taken. */
export class UnmovedParametersError extends Error {
  override readonly name = "UnmovedParametersError";

  constructor(
    readonly parameters: readonly string[],
    reason: string,
  ) {
    super(`the first step did not move ${parameters.join(", ")}: ${reason}`);
  }
}

/**
 * `moved`: by parameter; frozen ones, and those that a mask drops whole, count as moved. Of a run's first step alone: later
 * ones, such as the first after resuming, may be too small to show. @throws UnmovedParametersError naming those that did not.
 */
export function checkMoved(
  moved: readonly boolean[],
  parameters: readonly ParameterSpec[],
  update: UpdateSpec,
  batch: BatchStatistics,
): void {
  if (update.step !== 1) return;
  const still = parameters.filter((_, index) => moved[index] === false).map((spec) => spec.name);
  if (still.length === 0) return;
  if (update.learningRate === 0)
    throw new UnmovedParametersError(still, "its learning rate is 0; expected one above 0");
  const learnt = batch.examples - batch.leftOut;
  // Without noise and without examples nothing should move.
  if (update.noiseDeviation === 0 && learnt === 0) return;
  throw new UnmovedParametersError(still, reasonOf(update));
}

function reasonOf(update: UpdateSpec): string {
  if (update.noiseDeviation > 0) {
    return (
      `learning rate ${update.learningRate} times the noisy gradient is lost in float32 rounding; raise the learning ` +
      "rate, or freeze the parameters"
    );
  }
  return (
    "their gradients are zero for every example and there is no noise; check that the loss depends on them (dead " +
    "ReLUs, inputs that are all zero), or freeze them"
  );
}
