/**
 * Compression of the noisy gradient: the optimizer sees its largest coordinates alone.
 *
 * **Guarantee.** Unchanged: what is chosen, sent and kept back follows from the noisy gradients alone, which the
 * mechanism has released: post-processing. Choosing coordinates from gradients without noise would leak.
 */
import { checkChoice, checkKeys, describe } from "../arguments.js";
import type { NativeSessionSpec } from "../native/binding.js";
import type { Optimizer } from "../optimizers/index.js";
import { checkNumber } from "../privacy/check.js";

export interface CompressionOptions {
  /** The ⌈keep·P⌉ coordinates of largest magnitude, of all P trainable ones; among equals those with lower indices. */
  readonly type: "topK";
  /** In (0, 1]. */
  readonly keep: number;
  /** Adds to each gradient what was not sent before; default false. */
  readonly errorFeedback?: boolean | undefined;
}

/** Why an optimizer cannot go with top-k; undefined where it can. */
export function compressionConflict(optimizer: string): string | undefined {
  if (optimizer !== "dpAdamBC") return undefined;
  return (
    "not with optimizer dpAdamBC: coordinates that are chosen for their size have more noise than the variance that " +
    "it subtracts; use adam, or sparsification"
  );
}

/** @throws TypeError or RangeError naming the option. */
export function checkCompression(
  options: CompressionOptions | undefined,
  optimizer: Optimizer,
): NativeSessionSpec["topK"] {
  if (options === undefined) return null;
  checkKeys("compression", options, ["type", "keep", "errorFeedback"]);
  const { type, keep, errorFeedback = false } = options;
  checkChoice("compression.type", type, ["topK"]);
  checkNumber("compression.keep", keep, { min: 0, max: 1, openMin: true });
  if (typeof errorFeedback !== "boolean") {
    throw new TypeError(`compression.errorFeedback: got ${describe(errorFeedback)}, expected true or false`);
  }
  const conflict = compressionConflict(optimizer.kind);
  if (conflict) throw new RangeError(`compression: ${conflict}`);
  return { keep, errorFeedback };
}
