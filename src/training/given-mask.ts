/**
 * A mask that the caller chose, in place of a random one.
 *
 * **Guarantee.** A mask is published with the model's path, so it must not depend on the private data but through what
 * was released: masks from public data, and from models of earlier steps, are fine; others leak what ε does not cover,
 * and are taken only in sessions that are not private anyway.
 */
import { describe } from "../arguments.js";
import { elementCount } from "../graph/shape.js";
import type { ParameterSpec } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { joined } from "./tensors.js";

export interface GivenMask {
  /** By trainable parameter: a value an element, in PyTorch's order; 0: dropped from gradients, norms and noise. */
  readonly kept: Readonly<Record<string, Uint8Array>>;
  /**
   * What the choice rests on beside released models, as the caller declares. `private`: only in sessions with strategy
   * `none` or a seed.
   */
  readonly from: "public" | "private";
  /** Number of the refresh, for whoever counts; default: as it was. A whole number ≥ 0. */
  readonly refresh?: number;
}

/** What is given, as one array over all trainable coordinates. @throws TypeError or RangeError naming what is wrong. */
export function checkGivenMask(
  mask: GivenMask,
  parameters: readonly ParameterSpec[],
  sessionIsPrivate: boolean,
): Uint8Array {
  if (typeof mask !== "object" || mask === null || typeof mask.kept !== "object" || mask.kept === null) {
    throw new TypeError(`setMask(): got ${describe(mask)}, expected {kept, from: "public"}`);
  }
  checkOrigin(mask.from, sessionIsPrivate);
  if (mask.refresh !== undefined) {
    checkNumber("setMask(): refresh", mask.refresh, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  }
  const trainable = parameters.filter((spec) => spec.trainable);
  const unknown = Object.keys(mask.kept).find((name) => !trainable.some((spec) => spec.name === name));
  if (unknown !== undefined) throw new RangeError(`setMask(): kept: '${unknown}' is no trainable parameter`);
  const whole = joined(
    trainable.map((spec) => checkPart(spec, mask.kept[spec.name])),
    Uint8Array,
  );
  if (!whole.some((keeps) => keeps !== 0))
    throw new RangeError("setMask(): kept: nothing; expected a coordinate or more");
  return whole.slice();
}

function checkOrigin(from: unknown, sessionIsPrivate: boolean): void {
  if (from === "public" || (from === "private" && !sessionIsPrivate)) return;
  if (from === "private") {
    throw new RangeError(
      'setMask(): from: got "private": coordinates chosen by private data tell about it, and ε does not cover that; ' +
        'expected "public", or a session that is not private (strategy none, or a seed)',
    );
  }
  throw new RangeError(
    `setMask(): from: got ${describe(from)}, expected "public": say that the coordinates were chosen by public data, ` +
      "for a mask that depends on private data leaks it",
  );
}

function checkPart(spec: ParameterSpec, part: Uint8Array | undefined): Uint8Array {
  const elements = elementCount(spec.shape);
  if (part instanceof Uint8Array && part.length === elements) return part;
  throw new TypeError(`setMask(): kept: '${spec.name}': got ${describe(part)}, expected Uint8Array of ${elements}`);
}

/** The part of each trainable parameter in an array over all their coordinates: views of it. */
export function byParameter(whole: Uint8Array, parameters: readonly ParameterSpec[]): Record<string, Uint8Array> {
  let offset = 0;
  const entries = parameters.flatMap((spec) => {
    if (!spec.trainable) return [];
    const from = offset;
    offset += elementCount(spec.shape);
    return [[spec.name, whole.subarray(from, offset)] as const];
  });
  return Object.fromEntries(entries);
}
