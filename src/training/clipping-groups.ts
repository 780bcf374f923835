/** Which parameters are clipped together, and to what norm: the clipping configuration laid over a model. */

import type { ModelSpec } from "../native/binding.js";
import type { ClippingConfig } from "../privacy/sensitivity.js";

export interface ClippingGroups {
  /** By parameter; −1: frozen. */
  readonly groupOfParameter: readonly number[];
  /** C by group. */
  readonly thresholds: readonly number[];
}

/**
 * `flat`: all trainable parameters are one group of threshold C. `per-layer`: one group a layer that has trainable
 * parameters, in the model's order, of threshold C/√groups each, so that the whole gradient's norm stays ≤ C; or of
 * the given `thresholds`.
 * @throws RangeError where `thresholds` are not as many as there are groups.
 */
export function clippingGroups(model: ModelSpec, clipping: ClippingConfig): ClippingGroups {
  const groupOfParameter = clipping.style === "per-layer" ? groupByLayer(model) : groupAll(model);
  const groups = Math.max(...groupOfParameter, -1) + 1;
  if (groups === 0) throw new RangeError("model: no parameter is trainable; unfreeze at least one");
  return { groupOfParameter, thresholds: thresholdsOf(clipping, groups) };
}

function groupAll(model: ModelSpec): number[] {
  return model.parameters.map((parameter) => (parameter.trainable ? 0 : -1));
}

function groupByLayer(model: ModelSpec): number[] {
  const groupOfParameter = model.parameters.map(() => -1);
  let groups = 0;
  for (const node of model.nodes) {
    // A parameter shared with an earlier layer stays in that layer's group.
    const own = node.parameters.filter((index) => model.parameters[index]?.trainable && groupOfParameter[index] === -1);
    if (own.length === 0) continue;
    for (const index of own) groupOfParameter[index] = groups;
    groups += 1;
  }
  return groupOfParameter;
}

function thresholdsOf(clipping: ClippingConfig, groups: number): number[] {
  if (clipping.thresholds === undefined) return new Array<number>(groups).fill(clipping.threshold / Math.sqrt(groups));
  if (clipping.thresholds.length === groups) return [...clipping.thresholds];
  throw new RangeError(
    `clipping.thresholds: got ${clipping.thresholds.length} numbers, expected ${groups}, one a group ` +
      `(style '${clipping.style}': ${clipping.style === "flat" ? "one" : "one a layer with trainable parameters"})`,
  );
}
