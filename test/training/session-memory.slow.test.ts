/** 10,000 steps, and evaluations between them, leave no memory behind. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { adam } from "../../src/optimizers/index.js";
import { makeBatch, makeSession, part } from "./sessions.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("memory does not grow over 10,000 steps", async () => {
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
  const memory = () => {
    collect();
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    // V8 grows its young generation as it pleases: what is live on its heap, and what lies outside it, must not grow.
    return { heapUsed, external, outside: rss - heapTotal };
  };
  await steps(2000);
  const before = memory();
  await steps(10_000);
  const after = memory();
  expect(after.external - before.external).toBeLessThan(1e6);
  expect(after.heapUsed - before.heapUsed).toBeLessThan(1e6);
  expect(after.outside - before.outside).toBeLessThan(4e6);
});
