/** Thousands of steps, and evaluations between them, leave no memory behind. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { adam } from "../../src/optimizers/index.js";
import { makeBatch, makeSession, part } from "./sessions.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const WARM_UP_SPANS = 3; // until then code is compiled, and heaps find their size
const SPANS = 9;
const STEPS_A_SPAN = 2000;
const MOST_BYTES_A_STEP = 200;

function memory(): { heapUsed: number; external: number; rss: number } {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapUsed, external, rss };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

test(`memory does not grow over ${SPANS * STEPS_A_SPAN} steps`, async () => {
  const privacy = { noiseMultiplier: 1, expectedBatchSize: 64 };
  using session = makeSession([64, 128, 10], { privacy, optimizer: adam({ learningRate: 1e-3 }), seed: null });
  const batch = makeBatch(64, 64, 10);
  const { signal } = new AbortController();
  const steps = async (count: number) => {
    for (let i = 0; i < count; i++) {
      // Batches of every size, whole and in slices, as a Poisson sampler gives them.
      const sampled = part(batch, 0, i % 65);
      await session.step(i % 2 === 0 ? sampled : [sampled], { signal });
      if (i % 10 === 0) await session.evaluate(batch, { signal });
    }
  };
  await steps(WARM_UP_SPANS * STEPS_A_SPAN);
  const readings = [memory()];
  for (let span = 0; span < SPANS; span++) {
    await steps(STEPS_A_SPAN);
    readings.push(memory());
  }
  // What a step leaves behind grows in every span. V8's young generation grows by tens of megabytes too, whenever it
  // pleases, but in one span or two: so the median of the spans.
  for (const kind of ["heapUsed", "external", "rss"] as const) {
    const growth = readings.slice(1).map((reading, span) => reading[kind] - (readings[span] as typeof reading)[kind]);
    expect(median(growth) / STEPS_A_SPAN, `${kind}: ${growth} bytes`).toBeLessThan(MOST_BYTES_A_STEP);
  }
});
