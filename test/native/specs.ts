/** Small native sessions, made without src/training. */

import { sequential } from "../../src/graph/index.js";
import { linear, relu } from "../../src/layers/index.js";
import type { NativeSession, NativeSessionSpec, UpdateSpec } from "../../src/native/binding.js";
import { requireBinding } from "./binding-path.js";

/** widths[0] inputs, ReLU between, the last width is the number of classes. */
export function mlpSpec(widths: readonly number[], changes: Partial<NativeSessionSpec> = {}): NativeSessionSpec {
  const [inputs = 1, ...outputs] = widths;
  const layers = outputs.flatMap((width, i) => (i === 0 ? [linear(width)] : [relu(), linear(width)]));
  const model = sequential([inputs], layers).spec;
  return {
    model,
    loss: { kind: "crossEntropy", attributes: { ignoreIndex: -100, labelSmoothing: 0 } },
    clipping: {
      function: "abadi",
      attributes: {},
      groupOfParameter: model.parameters.map(() => 0),
      thresholds: [1],
      integers: false,
      largestWeight: 1,
    },
    strategy: "auto",
    optimizer: { kind: "sgd", attributes: { momentum: 0, dampening: 0, weightDecay: 0, nesterov: 0 } },
    sparsification: "none",
    topK: null,
    correlation: null,
    views: 1,
    chunkSize: 0,
    threads: 0,
    deterministic: false,
    ...changes,
  };
}

export function fill(session: NativeSession, spec: NativeSessionSpec, seed = 1): void {
  spec.model.parameters.forEach((parameter, index) => {
    session.setParameter(
      index,
      numbers(
        parameter.shape.reduce((a, b) => a * b, 1),
        seed + index,
        0.2,
      ),
    );
  });
}

/** A session with parameters; dispose it. */
export function makeNative(spec: NativeSessionSpec): NativeSession {
  const session = new (requireBinding().Session)(spec);
  fill(session, spec);
  return session;
}

/** Repeatable numbers in (−scale, scale). */
export function numbers(count: number, seed: number, scale = 1): Float32Array {
  const values = new Float32Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = scale * (state / 2 ** 31 - 1);
  }
  return values;
}

export function classes(count: number, kinds: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i % kinds);
}

export const update: UpdateSpec = { noiseDeviation: 0, normalizer: 4, learningRate: 0.1, step: 1 };

/**
 * The share of a call's time that the event loop is at work, and not waiting: nearly all of it where the call blocks. Of
 * the loop's own clock: a process that has to wait for a processor is mostly one that waits for events all the same.
 */
export async function busyShare(call: () => Promise<unknown>): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  const before = performance.eventLoopUtilization();
  await call();
  return performance.eventLoopUtilization(before).utilization;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
