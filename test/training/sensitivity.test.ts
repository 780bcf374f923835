/**
 * One example changes the clipped sum by at most S, whatever it contains: for every clip function, style, kind of
 * threshold, weights and strategy. Norms are measured in float64.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { clipFunctions } from "../../src/privacy/clip-functions.js";
import { type ClippingConfig, clippingStyles, sensitivity } from "../../src/privacy/sensitivity.js";
import type { Batch } from "../../src/training/batch.js";
import type { Session } from "../../src/training/session.js";
import { strategies } from "../gradients/sessions.js";
import { flat, makeBatch, makeSession, part } from "./sessions.js";

const WIDTHS = [6, 5, 4, 3] as const;
const GROUPS = { first: ["0"], biases: ["2.bias", "4.bias"], rest: ["2.weight", "4.weight"] };
const OTHERS = 3;

const threshold = fc.constantFrom(1e-3, 0.5, 30);
const parameter = fc.constantFrom(1e-6, 0.1, 3);

/** Styles with and without thresholds of their own. */
const styled = fc.constantFrom(...clippingStyles).chain((style): fc.Arbitrary<Partial<ClippingConfig>> => {
  if (style === "groups") {
    return fc.option(threshold, { nil: undefined }).map((own) => ({
      style,
      groups: { ...GROUPS, first: { parameters: ["0"], threshold: own } },
    }));
  }
  const groups = { flat: 1, "per-layer": 3, "per-parameter": 6 }[style];
  return fc
    .option(fc.array(threshold, { minLength: groups, maxLength: groups }), { nil: undefined })
    .map((thresholds) => ({ style, thresholds }));
});

const configs: fc.Arbitrary<ClippingConfig> = fc
  .tuple(fc.constantFrom(...clipFunctions), styled, threshold, parameter, fc.constantFrom(undefined, 0.3, 1, 7))
  .map(([name, style, base, value, maxWeight]) => ({
    style: "flat" as const,
    ...style,
    function: name,
    threshold: base,
    maxWeight,
    ...(name === "autoS" ? { gamma: value } : {}),
    ...(name === "psac" || name === "nsgd" ? { r: value } : {}),
    ...(name === "global" ? { Z: value } : {}),
  }));

/** The example that comes in addition: its inputs' size, and what it has in one place. */
interface Hostile {
  readonly size: number;
  readonly planted: number | undefined;
  readonly weight: number;
}
const hostile: fc.Arbitrary<Hostile> = fc.record({
  size: fc.constantFrom(0, 1e-30, 1e-3, 1, 1e4, 1e20, 1e30),
  planted: fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY, -1e30, 3.4e38),
  weight: fc.constantFrom(0, 0.5, 1),
});

function withExample(others: Batch, config: ClippingConfig, { size, planted, weight }: Hostile): Batch {
  const extra = makeBatch(1, WIDTHS[0], 3, 99);
  const inputs = extra.inputs.map((x) => x * size);
  if (planted !== undefined) inputs[2] = planted;
  const most = config.maxWeight ?? 1;
  const weights = Float32Array.from({ length: OTHERS + 1 }, (_, b) => (b === 1 ? weight * most : most / (b + 1)));
  // In the middle of a chunk: before others, and after one.
  const at = 1;
  const joined = new Float32Array((OTHERS + 1) * WIDTHS[0]);
  joined.set(others.inputs.subarray(0, at * WIDTHS[0]));
  joined.set(inputs, at * WIDTHS[0]);
  joined.set(others.inputs.subarray(at * WIDTHS[0]), (at + 1) * WIDTHS[0]);
  const targets = Int32Array.from([others.targets[0] as number, 2, ...others.targets.subarray(1)]);
  return { inputs: joined, targets, weights, size: OTHERS + 1 };
}

function without(batch: Batch): Batch {
  const [first, rest] = [part(batch, 0, 1), part(batch, 2, batch.size)];
  const weights = batch.weights as Float32Array;
  return {
    inputs: Float32Array.from([...first.inputs, ...rest.inputs]),
    targets: Int32Array.from([...first.targets, ...rest.targets]),
    weights: Float32Array.from([weights[0] as number, ...weights.subarray(2)]),
    size: batch.size - 1,
  };
}

async function sumOf(session: Session, batch: Batch): Promise<{ values: number[]; leftOut: number }> {
  const { sums, statistics } = await session.clippedSum(batch);
  return { values: flat(sums), leftOut: statistics.leftOut };
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - (b[i] as number)));
}

it.each(strategies)("one example moves the clipped sum by at most S: %s", async (strategy) => {
  const others = makeBatch(OTHERS, WIDTHS[0], 3, 5);
  let leftOut = 0;
  let closest = 0;
  await fc.assert(
    fc.asyncProperty(configs, hostile, fc.constantFrom(1, 4), async (clipping, example, chunkSize) => {
      const whole = withExample(others, clipping, example);
      using session = makeSession(WIDTHS, { clipping, strategy, chunkSize, threads: 1 });
      const before = await sumOf(session, without(whole));
      const after = await sumOf(session, whole);
      const bound = sensitivity(clipping);
      const moved = distance(after.values, before.values);
      closest = Math.max(closest, moved / bound);
      expect(before.leftOut).toBe(0);
      expect(moved).toBeLessThanOrEqual(bound * (1 + 1e-5));
      // What was left out has left the others' sum alone.
      leftOut += after.leftOut;
      if (after.leftOut === 1) expect(moved).toBeLessThanOrEqual(1e-6 * bound);
      if (Number.isNaN(example.planted)) expect(after.leftOut).toBe(1);
    }),
    {
      numRuns: 300,
      // One that is left out, and one that moves the sum as far as one can: what is expected below is not left to chance.
      examples: [
        [{ function: "abadi", style: "flat", threshold: 1 }, { size: 1, planted: Number.NaN, weight: 1 }, 4],
        [{ function: "autoV", style: "flat", threshold: 1 }, { size: 1, planted: undefined, weight: 1 }, 4],
      ],
    },
  );
  expect(leftOut).toBeGreaterThan(0);
  expect(closest).toBeGreaterThan(0.999); // S is no more than needed
});

it.each(strategies)("a record of 1e30 leaves the others' sum alone: %s", async (strategy) => {
  const others = makeBatch(OTHERS, WIDTHS[0], 3, 5);
  for (const style of clippingStyles) {
    const clipping: ClippingConfig = {
      function: "abadi",
      style,
      threshold: 1,
      ...(style === "groups" ? { groups: GROUPS } : {}),
    };
    const whole = withExample(others, clipping, { size: 1e30, planted: undefined, weight: 1 });
    using session = makeSession(WIDTHS, { clipping, strategy, chunkSize: 4, threads: 1 });
    const alone = await sumOf(session, { ...part(whole, 1, 2), weights: (whole.weights as Float32Array).slice(1, 2) });
    const rest = await sumOf(session, without(whole));
    const all = await sumOf(session, whole);
    const added = rest.values.map((value, i) => value + (alone.values[i] as number));
    expect(distance(all.values, added)).toBeLessThanOrEqual(1e-6 * sensitivity(clipping));
  }
});
