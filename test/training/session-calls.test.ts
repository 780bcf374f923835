/** How a session's calls behave beside each other, when they are stopped, and when they are given nonsense. */
import { describe, expect, test } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { linear } from "../../src/layers/index.js";
import { crossEntropy, meanSquaredError } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import type { Batch } from "../../src/training/batch.js";
import { createSession, type Session } from "../../src/training/session.js";
import { busyShare } from "../native/specs.js";
import { disposedSessions, makeBatch, makeSession, mlp, part } from "./sessions.js";

const widths = [6, 16, 3];
const batch = makeBatch(8, 6, 3);
const { session, keep } = disposedSessions(widths);

// biome-ignore lint/suspicious/noExplicitAny: wrong types are what is tested
const wrong = (value: unknown): any => value;

describe("options", () => {
  const good = { loss: crossEntropy(), optimizer: sgd({ learningRate: 0.1 }) };

  test.each<[string, unknown, RegExp]>([
    ["no options", undefined, /options: got nothing/],
    [
      "an unknown option",
      { ...good, batch: 3 },
      /options: got the unknown key "batch", expected one of loss, optimizer, clipping/,
    ],
    ["no loss", { ...good, loss: undefined }, /loss: got nothing, expected a loss/],
    ["an optimizer by name", { ...good, optimizer: "sgd" }, /optimizer: got "sgd", expected an optimizer/],
    [
      "an unknown strategy",
      { ...good, strategy: "fastest" },
      /strategy: got "fastest", expected one of auto, none, naive/,
    ],
    ["another device", { ...good, device: "cuda" }, /device: got "cuda", expected one of cpu/],
    ["half a chunk", { ...good, chunkSize: 0.5 }, /chunkSize must be an integer/],
    ["NaN threads", { ...good, threads: Number.NaN }, /threads must be an integer.*NaN/],
    ["a flag that is none", { ...good, deterministic: "yes" }, /deterministic: got "yes"/],
    ["a negative seed", { ...good, seed: -1 }, /seed must be an integer/],
    [
      "C = 0",
      { ...good, clipping: { threshold: 0 } },
      /clipping\.threshold must be a number in \[1e-20, 1e20\], got 0/,
    ],
    [
      "an unknown clip function",
      { ...good, clipping: { function: "snip" } },
      /clipping\.function: got "snip", expected one of abadi/,
    ],
    [
      "an unknown style",
      { ...good, clipping: { style: "perLayer" } },
      /clipping\.style: got "perLayer", expected one of flat, per-layer/,
    ],
    ["clipping that is none", { ...good, clipping: null }, /clipping: got null, expected/],
    ...[
      ["clipping", { treshold: 2 }, "treshold"],
      ["privacy", { noiseMultiplier: 1, expectedBatchSize: 8, delta: 1e-5 }, "delta"],
      ["sparsification", { rate: 0.5, strucutred: "rows" }, "strucutred"],
      ["compression", { type: "topK", keep: 0.5, feedback: true }, "feedback"],
    ].map(([option, value, key]): [string, unknown, RegExp] => [
      `an unknown key of ${option}`,
      { ...good, [option as string]: value },
      new RegExp(`^${option}: got the unknown key "${key}"`),
    ]),
    [
      "thresholds that do not match",
      { ...good, clipping: { style: "per-layer", thresholds: [1] } },
      /thresholds: got 1 numbers, expected 2/,
    ],
    [
      "a negative σ",
      { ...good, privacy: { noiseMultiplier: -1, expectedBatchSize: 8 } },
      /privacy\.noiseMultiplier must be/,
    ],
    [
      "q·N = 0",
      { ...good, privacy: { noiseMultiplier: 1, expectedBatchSize: 0 } },
      /privacy\.expectedBatchSize must be a number > 0, got 0/,
    ],
    [
      "noise without clipping",
      { ...good, strategy: "none", privacy: { noiseMultiplier: 1, expectedBatchSize: 8 } },
      /strategy 'none'.*does not clip/,
    ],
  ])("refuses %s", (_, options, message) => {
    expect(() => createSession(mlp(widths), wrong(options))).toThrow(message);
  });

  test("refuses what is no model, and a model with nothing to train", () => {
    expect(() => createSession(wrong("mlp"), good)).toThrow(/model: got "mlp", expected a Model/);
    const frozen = mlp(widths).withFrozen(() => true);
    expect(() => createSession(frozen, good)).toThrow(/no parameter is trainable/);
  });

  test("strategy none trains without clipping and without noise", async () => {
    const made = session({ strategy: "none", clipping: { function: "abadi", style: "flat", threshold: 1e-9 } });
    const first = await made.step(batch);
    for (let i = 0; i < 100; i++) await made.step(batch);
    expect((await made.step(batch)).meanLoss).toBeLessThan(first.meanLoss / 2);
  });

  test("frozen parameters stay", async () => {
    const model = mlp(widths).withFrozen((name) => name.startsWith("0."));
    const made = createSession(model, { ...good, privacy: { noiseMultiplier: 1, expectedBatchSize: 8 }, seed: 1 });
    keep(made);
    const before = made.parameters();
    await made.step(batch);
    const after = made.parameters();
    expect(after["0.weight"]).toEqual(before["0.weight"]);
    expect(after["2.weight"]).not.toEqual(before["2.weight"]);
    expect(Object.keys((await made.clippedSum(batch)).sums)).toEqual(["2.weight", "2.bias"]);
  });

  test("step() without privacy says what it needs", async () => {
    const made = createSession(mlp(widths), good);
    keep(made);
    await expect(made.step(batch)).rejects.toThrow(/step\(\) needs the option privacy/);
  });
});

describe("batches", () => {
  test.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /batch: got nothing, expected \{inputs, targets, size\}/],
    ["no size", { ...batch, size: undefined }, /batch\.size: got nothing/],
    ["half an example", { ...batch, size: 7.5 }, /batch\.size: got 7\.5/],
    [
      "a plain array",
      { ...batch, inputs: [1, 2] },
      /batch\.inputs: got an array of 2, expected Float32Array of 48 \(8 examples of 6\)/,
    ],
    ["bytes", { ...batch, inputs: new Uint8Array(48) }, /batch\.inputs: got Uint8Array of 48/],
    ["too few inputs", { ...batch, inputs: new Float32Array(47) }, /batch\.inputs: got Float32Array of 47/],
    [
      "values as classes",
      { ...batch, targets: new Float32Array(8) },
      /batch\.targets: got Float32Array of 8, expected Int32Array of 8/,
    ],
    ["no targets", { ...batch, targets: null }, /batch\.targets: got null/],
    [
      "a bad slice",
      [batch, { ...batch, size: 9 }],
      /batch\.inputs: got Float32Array of 48, expected Float32Array of 54/,
    ],
  ])("refuses %s, and the session goes on", async (_, bad, message) => {
    const [made, twin] = [session(), session()];
    await expect(made.step(wrong(bad))).rejects.toThrow(message);
    expect(made.steps).toBe(0);
    await made.step(batch);
    await twin.step(batch);
    expect(made.parameters()).toEqual(twin.parameters());
  });

  test("a detached buffer is named", async () => {
    const gone = { ...batch, inputs: batch.inputs.slice() };
    structuredClone(gone.inputs, { transfer: [gone.inputs.buffer] });
    await expect(session().step(gone)).rejects.toThrow(/batch\.inputs: .*was it transferred away/);
  });

  test("values are targets where the loss wants them", async () => {
    const model = sequential([6], [linear(2)]);
    const made = createSession(model, {
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
      privacy: { noiseMultiplier: 0, expectedBatchSize: 8 },
    });
    keep(made);
    expect((await made.step({ inputs: batch.inputs, targets: new Float32Array(16), size: 8 })).examples).toBe(8);
    await expect(made.step(batch)).rejects.toThrow(/batch\.targets: got Int32Array of 8, expected Float32Array of 16/);
  });

  test("arrays may be used again once the call has returned", async () => {
    const [made, twin] = [session(), session()];
    const mine: Batch = { ...batch, inputs: batch.inputs.slice() };
    const step = made.step(mine);
    mine.inputs.fill(Number.NaN);
    expect((await step).leftOut).toBe(0);
    await twin.step(batch);
    expect(made.parameters()).toEqual(twin.parameters());
  });

  test("an iterator that fails rejects the step, which has no effect", async () => {
    const [made, twin] = [session(), session()];
    function* broken(): Generator<Batch> {
      yield batch;
      throw new Error("the disk is gone");
    }
    await expect(made.step(broken())).rejects.toThrow("the disk is gone");
    await made.step(batch);
    await twin.step(batch);
    expect(made.parameters()).toEqual(twin.parameters());
    expect(made.steps).toBe(1);
  });
});

describe("calls beside each other", () => {
  test("run in order, and sums do not mix", async () => {
    const [made, twin] = [session(), session()];
    const slices = [part(batch, 0, 4), part(batch, 4, 8)];
    const [, sum] = await Promise.all([
      made.step(slices),
      made.clippedSum(batch),
      made.evaluate(batch),
      made.step(batch),
    ]);
    await twin.step(slices);
    expect(await twin.clippedSum(batch)).toEqual(sum);
    await twin.step(batch);
    expect(made.parameters()).toEqual(twin.parameters());
  });

  test("parameters wait for the call under way", async () => {
    const made = session();
    const step = made.step(batch);
    expect(() => made.parameters()).toThrow(/parameters\(\): the session is at work/);
    expect(() => made.loadOptimizerState({ step: 0, slots: [] })).toThrow(/at work/);
    await step;
    expect(Object.keys(made.parameters()).length).toBe(4);
  });

  test("a failed call does not stop those after it", async () => {
    const made = session();
    const results = await Promise.allSettled([made.step(batch), made.step(wrong(null)), made.step(batch)]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(made.steps).toBe(2);
  });
});

describe("aborting", () => {
  const big = [256, 512, 512, 10];

  test("between slices and chunks: rejects with the reason, and the batch has had no effect", async () => {
    const made = session({}, big);
    const before = bits(made);
    const large = makeBatch(4096, 256, 10);
    const controller = new AbortController();
    // Without end: however fast the machine, and however late the timer, the step is under way when it is stopped.
    function* endless(): Generator<Batch> {
      for (;;) yield large;
    }
    const step = made.step(endless(), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(step).rejects.toThrow("enough");
    expect(bits(made).equals(before)).toBe(true);
    expect(made.steps).toBe(0);
    const { statistics } = await made.clippedSum(part(large, 0, 16));
    expect(statistics.examples).toBe(16);
  });

  test("before the call: nothing runs", async () => {
    const made = session();
    await expect(made.step(batch, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    await expect(made.evaluate(batch, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    await expect(made.step(batch, { signal: AbortSignal.abort(null) })).rejects.toBe(null);
    await expect(made.step(batch, { signal: wrong({}) })).rejects.toThrow(TypeError);
    made.parameters(); // no call is under way any more
    expect(made.steps).toBe(0);
  });

  test("a step that is called for while another reads its batch comes after it", async () => {
    const made = session();
    let inner: Promise<{ step: number }> | undefined;
    async function* slices() {
      inner = made.step(batch);
      yield batch;
    }
    expect((await made.step(slices())).step).toBe(1);
    expect((await inner)?.step).toBe(2);
  });

  test("a call that waits for another is stopped alone", async () => {
    const made = session();
    const controller = new AbortController();
    const [first, second] = [made.step(batch), made.step(batch, { signal: controller.signal })];
    controller.abort();
    expect((await first).step).toBe(1);
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("dispose", () => {
  test("further calls throw, twice is once", async () => {
    const made = session();
    made.dispose();
    made.dispose();
    await expect(made.step(batch)).rejects.toThrow(/disposed/);
    await expect(made.evaluate(batch)).rejects.toThrow(/disposed/);
    expect(() => made.parameters()).toThrow(/disposed/);
    expect(made.plan().layers.length).toBe(3);
  });

  test("during a step: the step ends, one way or the other", async () => {
    const made = session({}, [256, 512, 512, 10]);
    const steps = [made.step(makeBatch(4096, 256, 10)), made.step(makeBatch(16, 256, 10))];
    made.dispose();
    const results = await Promise.allSettled(steps);
    expect(results[1]?.status).toBe("rejected");
    for (const result of results) if (result.status === "rejected") expect(String(result.reason)).toMatch(/disposed/);
  });

  test("using disposes at the end of its block", async () => {
    let kept: Session;
    {
      using made = makeSession(widths);
      kept = made;
    }
    await expect(kept.step(batch)).rejects.toThrow(/disposed/);
  });
});

function bits(made: Session): Buffer {
  return Buffer.concat(Object.values(made.parameters()).map(({ data }) => Buffer.from(data.buffer)));
}

test("the event loop stays free during a long step", async () => {
  const made = session({ threads: 2 }, [256, 512, 512, 10]);
  const large = makeBatch(16_384, 256, 10);
  expect(await busyShare(() => made.step(large))).toBeLessThan(0.5);
});
