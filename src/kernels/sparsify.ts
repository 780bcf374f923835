/**
 * Drops the masked coordinates of every per-example gradient: they become 0, whatever was there. (`clipAndSum` and
 * `perExampleNorms` take the mask themselves, without this pass.) Random sparsification: Zhu & Blaschko 2021.
 */

import { types } from "node:util";
import { checkKeys, describe } from "../arguments.js";
import { loadBinding } from "../native/load.js";
import {
  checkApart,
  checkArray,
  type GradientArray,
  type GradientOptions,
  gradientKeys,
  lengthError,
  noColumns,
  readGradients,
  sameStart,
} from "./arrays.js";
import { named, whileHeld } from "./hold.js";

export interface SparsifyOptions<Arrays> extends GradientOptions {
  readonly mask: Uint8Array;
  /** Of the gradients' type and length; default: the gradients themselves. */
  readonly output?: Arrays | undefined;
}

/** Resolves to the output. See `clipAndSum` for the rules. */
export async function sparsify<Arrays extends GradientArray | readonly GradientArray[]>(
  gradients: Arrays,
  options: SparsifyOptions<Arrays>,
): Promise<Arrays> {
  const { spec, output } = prepare(gradients, options);
  const arrays = [
    ...named("gradients", spec.gradients),
    ...named("output", spec.outputs),
    ["mask", spec.kept] as const,
  ];
  await whileHeld(arrays, () => loadBinding().examples.sparsify(spec));
  return output;
}

export function sparsifySync<Arrays extends GradientArray | readonly GradientArray[]>(
  gradients: Arrays,
  options: SparsifyOptions<Arrays>,
): Arrays {
  const { spec, output } = prepare(gradients, options);
  loadBinding().examples.sparsifySync(spec);
  return output;
}

function prepare<Arrays>(value: Arrays, options: SparsifyOptions<Arrays>) {
  checkKeys("options", options, [...gradientKeys, "output"]);
  const { mask, output = value } = options;
  if (mask === undefined) throw new TypeError("mask: got nothing, expected a Uint8Array");
  const zero = noColumns(value);
  const { list, ...read } = readGradients(value, options, zero);
  if (list !== Array.isArray(output)) {
    throw new TypeError(`output: got ${describe(output)}, expected ${list ? "a list" : "a typed array"}`);
  }
  const outputs: unknown[] = list ? Array.from(output as unknown[]) : [output];
  if (outputs.length !== read.gradients.length) {
    throw lengthError("output", outputs.length, `a list of ${read.gradients.length}`);
  }
  for (const [block, array] of outputs.entries()) checkOutput(array, block, outputs, read.gradients, read.kept);
  return { spec: { ...read, perBlock: false, outputs: outputs as GradientArray[] }, output };
}

function checkOutput(
  array: unknown,
  block: number,
  outputs: readonly unknown[],
  gradients: readonly GradientArray[],
  kept: Uint8Array | null,
): void {
  const name = `output[${block}]`;
  const own = gradients[block] as GradientArray;
  checkArray(name, array, types.isFloat32Array(own) ? "Float32Array" : "Uint16Array");
  if (array.length !== own.length) throw lengthError(name, array.length, `${own.length}`);
  const inPlace = sameStart(array, own);
  const others = gradients.filter((_, other) => other !== block || !inPlace);
  checkApart(name, array, [...others, kept, ...(outputs.slice(0, block) as GradientArray[])]);
}
