/** PyTorch's default initialisations. */

import type { Initializer } from "./layer.js";

/** Every element the same. */
export function constant(value: number): Initializer {
  return (values) => {
    values.fill(value);
  };
}

/** Uniform in [−bound, bound). */
export function uniformWithin(bound: number): Initializer {
  return (values, random) => {
    for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * bound;
  };
}

/**
 * Weight and bias of torch.nn.Linear and Conv2d: Kaiming uniform with a = √5, which comes to
 * gain·√(3 / fanIn) = √(2 / (1 + 5))·√(3 / fanIn) = 1/√fanIn, and the same bound for the bias.
 */
export function kaimingUniform(fanIn: number): Initializer {
  return uniformWithin(1 / Math.sqrt(fanIn));
}
