import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { conv2d, flatten, linear, relu } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { adam, dpAdamBC, sgd } from "../../src/optimizers/index.js";
import type { CompressionOptions } from "../../src/training/compression.js";
import { createSession, type Session } from "../../src/training/session.js";
import { type Changes, flat, largestDifference, makeBatch, makeSession } from "./sessions.js";
import { runTiny, temporaryFolder, tinyConfig } from "./tiny.js";

const widths = [6, 30, 3];
const batch = makeBatch(8, 6, 3);
const topK = (keep: number, errorFeedback = false): { compression: CompressionOptions } => ({
  compression: { type: "topK", keep, errorFeedback },
});

/** Moves by the gradient alone, so that parameters tell it. */
const privacy = { noiseMultiplier: 1, expectedBatchSize: 8 };
const options: Changes = {
  optimizer: sgd({ learningRate: 1 }),
  clipping: { function: "abadi", style: "flat", threshold: 2 },
  privacy,
};

/** The gradient that the optimizer saw in one step. */
async function seen(session: Session): Promise<number[]> {
  session.loadParameters(zeroed(session));
  await session.step(batch);
  return flat(session.parameters()).map((value) => -value);
}

function zeroed(session: Session): ReturnType<Session["parameters"]> {
  const parameters = session.parameters();
  for (const { data } of Object.values(parameters)) data.fill(0);
  return parameters;
}

/** By sorting, in float64. */
function largest(values: readonly number[], k: number): number[] {
  const order = values
    .map((_, i) => i)
    .sort((a, b) => Math.abs(values[b] as number) - Math.abs(values[a] as number) || a - b);
  const kept = new Set(order.slice(0, k));
  return values.map((value, i) => (kept.has(i) ? value : 0));
}

describe("a session", () => {
  it("shows the optimizer the largest coordinates of the noisy gradient", async () => {
    using plain = makeSession(widths, options);
    using session = makeSession(widths, { ...options, ...topK(0.1) });
    for (let step = 0; step < 3; step++) {
      const whole = await seen(plain);
      const got = await seen(session);
      expect(largestDifference(got, largest(whole, Math.ceil(0.1 * whole.length)))).toBe(0);
      expect(got.filter((value) => value !== 0)).toHaveLength(Math.ceil(0.1 * got.length));
    }
  });

  it("adds what was not sent to the next gradient", async () => {
    using plain = makeSession(widths, options);
    using session = makeSession(widths, { ...options, ...topK(0.1, true) });
    let residual: number[] = flat(plain.parameters()).map(() => 0);
    for (let step = 0; step < 5; step++) {
      const candidates = (await seen(plain)).map((g, i) => Math.fround(g + (residual[i] as number)));
      const want = largest(candidates, Math.ceil(0.1 * candidates.length));
      expect(largestDifference(await seen(session), want)).toBe(0);
      residual = candidates.map((c, i) => c - (want[i] as number));
    }
    const { slots } = session.optimizerState();
    expect(slots).toHaveLength(1);
    expect(largestDifference(flat(slots[0] ?? {}), residual)).toBe(0);
  });

  it("does not depend on threads where the gradient does not", async () => {
    const models: number[][] = [];
    for (const threads of [1, 2, 3]) {
      using session = makeSession(widths, { ...options, ...topK(0.2, true), threads, deterministic: true });
      for (let step = 0; step < 4; step++) await session.step(batch);
      models.push(flat(session.parameters()));
    }
    expect(models[1]).toEqual(models[0]);
    expect(models[2]).toEqual(models[0]);
  });

  it("goes with masks, Adam and batches in slices", async () => {
    const changes = { ...options, sparsification: { rate: 0.5 }, optimizer: adam({ learningRate: 0.1 }) };
    using plain = makeSession(widths, changes);
    using session = makeSession(widths, { ...changes, ...topK(1, true) });
    for (const made of [plain, session]) for (let step = 0; step < 3; step++) await made.step([batch, batch]);
    expect(flat(session.parameters())).toEqual(flat(plain.parameters()));
    expect(session.optimizerState().slots).toHaveLength(3);
  });

  it("goes with parameters that layers hold in an order of their own", async () => {
    const model = sequential([3, 6, 6], [conv2d(16, 3), relu(), conv2d(16, 3), flatten(), linear(3)]);
    const base = { loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), privacy, seed: 1 };
    using plain = createSession(model, base);
    using session = createSession(model, { ...base, ...topK(0.3) });
    const images = makeBatch(4, 3 * 6 * 6, 3);
    const moves = async (of: Session) => {
      of.loadParameters(zeroed(of));
      await of.step(images);
      return flat(of.parameters());
    };
    const whole = await moves(plain);
    expect(largestDifference(await moves(session), largest(whole, Math.ceil(0.3 * whole.length)))).toBe(0);
  });

  it("takes a first step that leaves whole parameters where they are", async () => {
    using session = makeSession(widths, { ...options, ...topK(1e-6) });
    const before = flat(session.parameters());
    await session.step(batch);
    const moved = flat(session.parameters()).filter((value, i) => value !== before[i]);
    expect(moved).toHaveLength(1);
  });

  it.each([
    [topK(0), "compression.keep must be a number in (0, 1], got 0"],
    [topK(Number.NaN), "compression.keep must be a number in (0, 1], got NaN"],
    [{ compression: { type: "random", keep: 1 } }, 'compression.type: got "random", expected one of topK'],
    [{ compression: null }, "compression: got null, expected an object of type, keep, errorFeedback"],
    [{ compression: { type: "topK", keep: 1, errorFeedback: 1 } }, "compression.errorFeedback: got 1, expected true"],
    [{ ...topK(0.5), optimizer: dpAdamBC({ learningRate: 1 }) }, "compression: not with optimizer dpAdamBC: "],
  ])("refuses %j", (changes, message) => {
    expect(() => makeSession([6, 3], changes as never)).toThrow(message);
  });
});

describe("a run", () => {
  const config = (changes: Record<string, unknown> = {}) =>
    tinyConfig({ compression: { type: "topK", keep: 0.2, errorFeedback: true }, ...changes });

  it("goes on with what was not sent after an interruption: to the bit", async () => {
    const [whole, parts] = [join(temporaryFolder(), "whole"), join(temporaryFolder(), "parts")];
    await runTiny(config({ seed: 5 }), whole);
    await runTiny(config({ seed: 5 }), parts, { stopAfter: 13 });
    await runTiny(config({ seed: 5 }), parts, { resume: true });
    const model = (out: string) => readFileSync(join(out, "checkpoint.safetensors"));
    expect(model(parts).equals(model(whole))).toBe(true);
  });

  it("spends the ε of the run that shows everything, and says why", async () => {
    const out = join(temporaryFolder(), "run");
    const { epsilon } = await runTiny(config(), out);
    const plain = await runTiny(config({ compression: undefined }), join(temporaryFolder(), "plain"));
    expect(epsilon).toBe(plain.epsilon);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.private).toBe(true);
    expect(statement.compression).toMatchObject({ type: "topK", keep: 0.2, errorFeedback: true });
    expect(statement.compression.choice).toMatch(/^post-processing: .* noisy gradients alone/);
  });

  it.each([
    [{ type: "topK", keep: 0 }, "compression.keep: got 0; allowed: a number above 0, at most 1"],
    [{ type: "random", keep: 1 }, 'compression.type: got "random"; allowed: topK'],
    [{ type: "topK", keep: 1, feedback: true }, "unknown key 'feedback'; "],
  ])("refuses the configuration %j", (compression, message) => {
    expect(() => config({ compression })).toThrow(message);
  });

  it("refuses DP-AdamBC, with the reason", () => {
    const optimizer = { type: "dpAdamBC", learningRate: 1 };
    expect(() => config({ optimizer })).toThrow(/compression: .*not with optimizer dpAdamBC: .* more noise/);
  });
});
