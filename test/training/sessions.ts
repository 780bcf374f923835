/** Small sessions and batches for the tests of src/training. */
import { afterEach } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { linear, relu } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import { createSession, type Session } from "../../src/training/session.js";
import type { SessionOptions } from "../../src/training/session-options.js";
import type { Tensors } from "../../src/training/tensors.js";

/** widths[0] inputs, ReLU between, the last width is the number of classes. */
export function mlp(widths: readonly number[]) {
  const [inputs = 1, ...outputs] = widths;
  const layers = outputs.flatMap((width, i) => (i === 0 ? [linear(width)] : [relu(), linear(width)]));
  return sequential([inputs], layers);
}

/** `seed`: 1 unless given, null for none. */
export type Changes = Partial<Omit<SessionOptions, "seed">> & { readonly seed?: number | null };

export function makeSession(widths: readonly number[], { seed = 1, ...changes }: Changes = {}): Session {
  return createSession(mlp(widths), {
    loss: crossEntropy(),
    optimizer: sgd({ learningRate: 0.5 }),
    privacy: { noiseMultiplier: 0, expectedBatchSize: 8 },
    ...(seed === null ? {} : { seed }),
    ...changes,
  });
}

/** For a test file: `session` makes sessions, `keep` takes in others; each is disposed of after its test. */
export function disposedSessions(widths: readonly number[]) {
  const live: Session[] = [];
  afterEach(() => {
    for (const made of live.splice(0)) made.dispose();
  });
  const keep = (made: Session): Session => {
    live.push(made);
    return made;
  };
  const session = (changes: Changes = {}, of: readonly number[] = widths): Session => keep(makeSession(of, changes));
  return { session, keep };
}

/** Repeatable examples with values in (−1, 1) and classes in turn. */
export function makeBatch(size: number, width: number, kinds: number, seed = 1): Batch {
  const inputs = new Float32Array(size * width);
  let state = seed >>> 0;
  for (let i = 0; i < inputs.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    inputs[i] = state / 2 ** 31 - 1;
  }
  return { inputs, targets: Int32Array.from({ length: size }, (_, i) => i % kinds), size };
}

export function part(batch: Batch, from: number, to: number): Batch {
  const width = batch.inputs.length / batch.size;
  return {
    inputs: batch.inputs.subarray(from * width, to * width),
    targets: batch.targets.subarray(from, to),
    size: to - from,
  };
}

/** All values, one after the other. */
export function flat(tensors: Tensors): number[] {
  return Object.values(tensors).flatMap((tensor) => Array.from(tensor.data));
}

export function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}
