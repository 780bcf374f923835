/** The optimizer's buffers in and out of a session, for checkpoints. */

import { describe } from "../arguments.js";
import type { NativeSession, ParameterSpec } from "../native/binding.js";
import { checkNumber, type NumberRange } from "../privacy/check.js";
import { checkNames, checkTensor, type Tensors } from "./tensors.js";

export interface OptimizerState {
  /** Steps taken. */
  readonly step: number;
  /**
   * By slot, in PyTorch's order of buffers ([momentum], [exp_avg, exp_avg_sq]): the trainable parameters' tensors. With
   * error feedback of top-k, what was not sent yet is the last.
   */
  readonly slots: readonly Tensors[];
  /** What all coordinates share: DP-AdamBC's average of the noise's variance. Default: nothing. */
  readonly shared?: readonly number[];
}

const sharedRange: NumberRange = { min: 0, max: Number.MAX_VALUE };

export function readOptimizerState(
  native: NativeSession,
  parameters: readonly ParameterSpec[],
  step: number,
): OptimizerState {
  const slots = Array.from({ length: native.optimizerSlots }, (_, slot) => {
    const entries = parameters.flatMap((spec, index) =>
      spec.trainable
        ? [[spec.name, { shape: [...spec.shape], data: native.getOptimizerState(index, slot) }] as const]
        : [],
    );
    return Object.fromEntries(entries);
  });
  return { step, slots, shared: [...native.getOptimizerShared()] };
}

/** All or nothing. @throws TypeError or RangeError naming what is missing, unknown or misshapen. */
export function writeOptimizerState(
  native: NativeSession,
  parameters: readonly ParameterSpec[],
  state: OptimizerState,
): void {
  if (typeof state !== "object" || state === null) {
    throw new TypeError(`optimizer state: got ${describe(state)}, expected {step, slots}`);
  }
  checkNumber("optimizer state: step", state.step, { min: 0, max: Number.MAX_SAFE_INTEGER - 1, integer: true });
  if (!Array.isArray(state.slots) || state.slots.length !== native.optimizerSlots) {
    throw new RangeError(
      `optimizer state: got ${describe(state.slots)} slots, this optimizer has ${native.optimizerSlots} a parameter`,
    );
  }
  const shared = checkShared(state.shared === undefined ? [] : state.shared, native.getOptimizerShared().length);
  const trainable = parameters.filter((spec) => spec.trainable);
  const writes = state.slots.flatMap((tensors: Tensors, slot) => {
    checkNames(`optimizer state: slots[${slot}]`, tensors, trainable);
    return trainable.map((spec) => ({ spec, slot, data: checkTensor(spec.name, tensors[spec.name], spec) }));
  });
  for (const { spec, slot, data } of writes) native.setOptimizerState(parameters.indexOf(spec), slot, data);
  native.setOptimizerShared(shared);
}

function checkShared(numbers: readonly number[], count: number): Float64Array {
  if (!Array.isArray(numbers) || numbers.length !== count) {
    throw new RangeError(`optimizer state: shared: got ${describe(numbers)}, expected an array of ${count}`);
  }
  for (const [i, number] of numbers.entries()) checkNumber(`optimizer state: shared[${i}]`, number, sharedRange);
  return Float64Array.from(numbers);
}
