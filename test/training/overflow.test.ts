/**
 * Pixels that overflow inside a Winograd transform, where their output gradient is 0 or the example's gradient would be
 * written out: ∞ · 0 in a product over the chunk would be NaN for every record of it.
 */
import { describe, expect, it } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { conv2d, flatten, linear, tanh } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import { createSession } from "../../src/training/session.js";
import { strategies } from "../gradients/sessions.js";
import { flat, makeBatch, part } from "./sessions.js";

const CHANNELS = 16;
const OTHERS = 5;
/** Bᵀ x B multiplies a pixel by up to 6.25; tanh hides what becomes of it, and its derivative is 0 there. */
const HUGE = 6e37;

/** One pixel a tile, in the middle of it, so that a single element of 36 overflows. */
function hostilePicture(side: number): Float32Array {
  const picture = new Float32Array(CHANNELS * side * side);
  for (let row = 1; row < side; row += 4) {
    for (let column = 1; column < side; column += 4) picture[row * side + column] = HUGE;
  }
  return picture;
}

describe.each([4, 8])("pictures of side %i", (side) => {
  it.each(strategies)("a record whose transform overflows leaves the others' sum alone: %s", async (strategy) => {
    const model = sequential(
      [CHANNELS, side, side],
      [conv2d(CHANNELS, 3, { padding: 1 }), tanh(), flatten(), linear(4)],
    );
    using session = createSession(model, {
      loss: crossEntropy(),
      optimizer: sgd({ learningRate: 0.1 }),
      clipping: { function: "abadi", style: "flat", threshold: 1 },
      strategy,
      seed: 1,
      threads: 1,
      chunkSize: OTHERS + 1,
    });
    const routes = session.plan().layers.map((layer) => layer.implementation);
    if (strategy !== "naive") expect(routes.join()).toContain("Winograd"); // which one example may be too small for
    // A certain model: the record's loss is 0 and so is its whole output gradient.
    const parameters = session.parameters();
    parameters["3.bias"]?.data.set([300, 0, 0, 0]);
    for (const certain of [false, true]) {
      if (certain) session.loadParameters(parameters);
      const others = makeBatch(OTHERS, CHANNELS * side * side, 4, 5);
      const inputs = new Float32Array(others.inputs.length + CHANNELS * side * side);
      inputs.set(hostilePicture(side));
      inputs.set(others.inputs, CHANNELS * side * side);
      const whole = { inputs, targets: Int32Array.from([0, ...others.targets]), size: OTHERS + 1 };
      const before = flat((await session.clippedSum(part(whole, 1, OTHERS + 1))).sums);
      const after = flat((await session.clippedSum(whole)).sums);
      const moved = Math.hypot(...after.map((value, i) => value - (before[i] as number)));
      expect(moved).toBeLessThanOrEqual(1 + 1e-5);
    }
  });
});
