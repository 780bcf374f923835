/** What a session's calls take and give. */
import { checkKeys, checkSignal } from "../arguments.js";
import type { BatchStatistics } from "../native/binding.js";
import type { StepThresholds } from "./clipping-state.js";
import type { Tensors } from "./tensors.js";

/** Statistics of one logical batch: diagnostics, outside the guarantee. */
export interface StepStatistics extends BatchStatistics, StepThresholds {
  /** Steps taken with this one. */
  readonly step: number;
  /** Mean loss over the examples that were not left out; NaN without any. */
  readonly meanLoss: number;
}

export interface CallOptions {
  /** Looked at between chunks; the promise then rejects with the signal's reason, and the batch has had no effect. */
  readonly signal?: AbortSignal;
}

export interface StepOptions extends CallOptions {
  /** Of this step; default: the optimizer's. Finite, ≥ 0. */
  readonly learningRate?: number;
  /** σ of this step, ≥ 0; default: that of the option `privacy`. */
  readonly noiseMultiplier?: number;
  /** Multiplies every threshold in this step, > 0; default 1. The noise follows. */
  readonly thresholdFactor?: number;
}

const callKeys = ["signal"];
export const stepKeys = [...callKeys, "learningRate", "noiseMultiplier", "thresholdFactor"];

/** @throws TypeError naming what is no option of the call. */
export function checkCall(options: CallOptions, known = callKeys): void {
  checkKeys("options", options, known);
  if (options.signal !== undefined) checkSignal(options.signal);
}

export interface ClippedSum {
  /** Σ factor·gradient by parameter, without noise: not private. */
  readonly sums: Tensors;
  readonly statistics: BatchStatistics;
}

export interface PerExampleGradients {
  /** By trainable parameter: [size, …shape]. */
  readonly gradients: Tensors;
  /** [groups, size] */
  readonly squaredNorms: Float64Array;
  /** [size] */
  readonly losses: Float64Array;
}

export interface Evaluation {
  /** [size, output elements], each in PyTorch's order. */
  readonly outputs: Float32Array;
  /** [size]; empty for batches without targets. */
  readonly losses: Float64Array;
}
