/** What is timed: models with batches whose values do not matter to the time. */
import type { Model } from "../graph/model.js";
import { crossEntropy, type Loss } from "../losses/index.js";
import { dpcnn, mlp, mnistCnn, resnet18, unet } from "../models/index.js";
import type { Batch } from "../training/batch.js";

export interface Workload {
  readonly name: string;
  /** The usual logical batch. */
  readonly batch: number;
  readonly classes: number;
  /** Classes that an example's target is made of: one, or one a pixel. */
  readonly targets: number;
  model(): Model;
  loss(): Loss;
}

const pictures = { batch: 256, classes: 10, targets: 1, loss: () => crossEntropy() };

export const workloads: readonly Workload[] = [
  { ...pictures, name: "mlp", model: () => mlp() },
  { ...pictures, name: "mnist-cnn", model: () => mnistCnn() },
  { ...pictures, name: "dpcnn", model: () => dpcnn() },
  { ...pictures, name: "resnet18", batch: 64, model: () => resnet18() },
  { ...pictures, name: "unet", batch: 10, classes: 9, targets: 128 * 128, model: () => unet() },
];

export const workloadNames: readonly string[] = workloads.map(({ name }) => name);

/** @throws RangeError naming what there is. */
export function workloadByName(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found) return found;
  throw new RangeError(`workload: got ${JSON.stringify(name)}, expected one of ${workloadNames.join(", ")}`);
}

/** `size` examples of standard normal inputs and uniform classes, always the same ones. */
export function workloadBatch(workload: Workload, inputShape: readonly number[], size: number): Batch {
  const elements = inputShape.reduce((product, extent) => product * extent, 1);
  const uniform = uniforms(0x9e3779b9);
  const inputs = new Float32Array(size * elements);
  const targets = new Int32Array(size * workload.targets);
  // Plain loops: Float32Array.from boxes every number, and megabytes of garbage would count as the session's memory.
  for (let i = 0; i < inputs.length; i++) inputs[i] = normal(uniform);
  for (let i = 0; i < targets.length; i++) targets[i] = Math.floor(uniform() * workload.classes);
  return { inputs, targets, size };
}

/** Mulberry32, in [0, 1): for test data, nothing else. */
export function uniforms(seed: number): () => number {
  const held = Int32Array.of(seed); // a variable of this closure would be boxed anew at every draw
  return () => {
    const state = ((held[0] as number) + 0x6d2b79f5) | 0;
    held[0] = state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box-Muller. */
export function normal(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
