/** The border itself: what C++ must refuse, whatever TypeScript let through. */

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import type { NativeBinding, NativeSession, NativeSessionSpec } from "../../src/native/binding.js";
import { binaryPath, requireBinding } from "./binding-path.js";
import { busyShare, classes, makeNative, mlpSpec, numbers, sleep, update } from "./specs.js";

const spec = mlpSpec([3, 5, 2]);
const live: NativeSession[] = [];

function small(changes: Partial<NativeSessionSpec> = {}): NativeSession {
  const session = makeNative({ ...spec, ...changes });
  live.push(session);
  return session;
}

/** Some hundred milliseconds of work a step. */
function large(): { session: NativeSession; inputs: Float32Array; targets: Int32Array; examples: number } {
  const session = makeNative(mlpSpec([256, 512, 512, 10], { threads: 2 }));
  live.push(session);
  const examples = 16384;
  return { session, inputs: numbers(examples * 256, 1), targets: classes(examples, 10), examples };
}

afterEach(() => {
  for (const session of live.splice(0)) session.dispose();
});

// biome-ignore lint/suspicious/noExplicitAny: wrong types are what is tested
const wrong = (value: unknown): any => value;

describe("info", () => {
  test("names layers, CPU features, libraries and cores", () => {
    const info = requireBinding().info();
    expect(info.layers).toContain("Linear");
    expect(info.layers).toContain("Conv2d");
    expect(info.cpuFeatures.length).toBeGreaterThan(0);
    expect(info.libraries.oneDNN).toMatch(/^\d+\.\d+\.\d+/);
    expect(info.cores).toBeGreaterThanOrEqual(1);
  });
});

describe("construction", () => {
  const Session = requireBinding().Session;

  test.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /spec: got nothing, expected an object/],
    ["an empty object", {}, /model: got nothing/],
    ["an unknown strategy", { ...spec, strategy: "fast" }, /fast.*none|none.*fast/s],
    ["an unknown loss", { ...spec, loss: { kind: "lossless", attributes: {} } }, /lossless/],
    ["an unknown optimizer", { ...spec, optimizer: { kind: "lion", attributes: {} } }, /lion/],
    ["an unknown clip function", { ...spec, clipping: { ...spec.clipping, function: "snip" } }, /snip/],
    ["NaN as chunk size", { ...spec, chunkSize: Number.NaN }, /chunkSize: got NaN, expected a whole number from 0/],
    ["half a thread", { ...spec, threads: 0.5 }, /threads: got 0.5/],
    ["a number as flag", { ...spec, deterministic: 1 }, /deterministic: got 1, expected true or false/],
    ["a threshold of zero", { ...spec, clipping: { ...spec.clipping, thresholds: [0] } }, /thresholds\[0\]: got 0/],
    [
      "too few groups",
      { ...spec, clipping: { ...spec.clipping, groupOfParameter: [0] } },
      /groupOfParameter: got 1 entries, expected 4/,
    ],
    [
      "a group that is none",
      { ...spec, clipping: { ...spec.clipping, groupOfParameter: [0, 0, 0, 1] } },
      /groupOfParameter\[3\]: got 1/,
    ],
  ])("refuses %s", (_, value, message) => {
    expect(() => new Session(wrong(value))).toThrow(message);
  });

  test("refuses indices outside the graph", () => {
    const [first, ...rest] = spec.model.nodes;
    const withNode = (changes: object) => ({
      ...spec,
      model: { ...spec.model, nodes: [{ ...first, ...changes }, ...rest] },
    });
    expect(() => new Session(wrong(withNode({ inputs: [1] })))).toThrow(
      /nodes\[0\]\.inputs\[0\]: got 1, .* from 0 to 0/,
    );
    expect(() => new Session(wrong(withNode({ parameters: [0, 4] })))).toThrow(/nodes\[0\]\.parameters\[1\]: got 4/);
    expect(() => new Session(wrong(withNode({ outputShape: [2 ** 30, 2 ** 30] })))).toThrow(RangeError);
  });

  test("needs new, and methods need their own object", () => {
    expect(() => wrong(Session)(spec)).toThrow(TypeError);
    expect(() => Session.prototype.getParameter.call(wrong({}), 0)).toThrow();
  });
});

describe("arguments", () => {
  test.each<[string, (s: NativeSession) => unknown, RegExp]>([
    [
      "inputs of another type",
      (s) => s.step(wrong([1, 2, 3]), classes(1, 2), 1, update),
      /inputs: got an array of 3, expected Float32Array of 3/,
    ],
    [
      "doubles as inputs",
      (s) => s.step(wrong(new Float64Array(3)), classes(1, 2), 1, update),
      /inputs: got Float64Array of 3/,
    ],
    [
      "inputs too short",
      (s) => s.accumulate(new Float32Array(5), classes(2, 2), 2),
      /inputs: got Float32Array of 5, expected Float32Array of 6/,
    ],
    [
      "floats as classes",
      (s) => s.accumulate(new Float32Array(3), new Float32Array(1), 1),
      /targets: got Float32Array of 1, expected Int32Array of 1/,
    ],
    ["no targets", (s) => s.accumulate(new Float32Array(3), wrong(null), 1), /targets: got null/],
    ["NaN examples", (s) => s.evaluate(new Float32Array(3), null, Number.NaN), /examples: got NaN/],
    ["a negative number of examples", (s) => s.evaluate(new Float32Array(3), null, -1), /examples: got -1/],
    ["examples beyond memory", (s) => s.evaluate(new Float32Array(3), null, 2 ** 40), /examples: got 1099511627776/],
    ["examples as text", (s) => s.evaluate(new Float32Array(3), null, wrong("1")), /examples: got '1'/],
    ["a NaN learning rate", (s) => s.update({ ...update, learningRate: Number.NaN }), /learningRate: got NaN/],
    ["a normalizer of zero", (s) => s.update({ ...update, normalizer: 0 }), /normalizer: got 0/],
    ["step zero", (s) => s.update({ ...update, step: 0 }), /step: got 0/],
    ["noise without a key", (s) => s.update({ ...update, noiseDeviation: 1 }), /setNoiseKey/],
    [
      "infinite noise",
      (s) => s.update({ ...update, noiseDeviation: Number.POSITIVE_INFINITY }),
      /noiseDeviation: got Infinity/,
    ],
    ["a short key", (s) => s.setNoiseKey(new Uint8Array(16)), /key: got Uint8Array of 16, expected Uint8Array of 32/],
    ["a parameter that is none", (s) => s.getParameter(4), /parameter index: got 4/],
    [
      "a misshapen parameter",
      (s) => s.setParameter(0, new Float32Array(3)),
      /values: got Float32Array of 3, expected Float32Array of 15/,
    ],
    ["a slot that is none", (s) => s.getOptimizerState(0, 0), /slot: got 0/],
  ])("refuses %s", (_, call, message) => {
    const session = small();
    expect(() => call(session)).toThrow(message);
  });

  test("refuses a detached buffer, and takes one that is detached after the call", async () => {
    const session = small();
    const inputs = numbers(12, 3);
    const expected = await session.evaluate(inputs, classes(4, 2), 4);
    const targets = classes(4, 2);
    const call = session.evaluate(inputs, targets, 4);
    structuredClone(inputs, { transfer: [inputs.buffer as ArrayBuffer] });
    targets.fill(99);
    expect((await call).outputs).toEqual(expected.outputs);
    expect((await call).losses).toEqual(expected.losses);
    expect(() => session.evaluate(inputs, classes(4, 2), 4)).toThrow(/inputs: its buffer is detached/);
  });

  test("reads a view into a larger buffer", async () => {
    const session = small();
    const inputs = numbers(12, 3);
    const padded = new Float32Array(20);
    padded.set(inputs, 5);
    const whole = await session.evaluate(inputs, null, 4);
    expect((await session.evaluate(padded.subarray(5, 17), null, 4)).outputs).toEqual(whole.outputs);
    expect(whole.losses.length).toBe(0);
  });
});

describe("calls", () => {
  test("parameters go in and come out as copies", () => {
    const session = small();
    const values = numbers(15, 9);
    session.setParameter(0, values);
    const read = session.getParameter(0);
    expect(read).toEqual(values);
    read.fill(0);
    expect(session.getParameter(0)).toEqual(values);
  });

  test("accumulate and update equal step", async () => {
    const [apart, together] = [small(), small()];
    const inputs = numbers(12, 5);
    const statistics = await apart.accumulate(inputs, classes(4, 2), 4);
    const moved = await apart.update(update);
    const { moved: movedToo, ...rest } = await together.step(inputs, classes(4, 2), 4, update);
    expect(rest).toEqual(statistics);
    expect(statistics.examples).toBe(4);
    expect(movedToo).toEqual(moved);
    expect(moved).toEqual([true, true, true, true]);
    for (let i = 0; i < 4; i++) expect(apart.getParameter(i)).toEqual(together.getParameter(i));
  });

  test("statistics add up until the update", async () => {
    const session = small();
    const inputs = numbers(12, 5);
    await session.accumulate(inputs, classes(4, 2), 4);
    expect((await session.accumulate(inputs, classes(4, 2), 4)).examples).toBe(8);
    await session.update(update);
    expect((await session.accumulate(inputs, classes(4, 2), 4)).examples).toBe(4);
    session.clear();
    expect((await session.accumulate(inputs, classes(4, 2), 4)).examples).toBe(4);
  });

  test("calls that were not awaited run in order", async () => {
    const session = small();
    const inputs = numbers(12, 5);
    const calls = [1, 2, 3].map((step) => session.step(inputs, classes(4, 2), 4, { ...update, step }));
    const twin = small();
    for (const step of [1, 2, 3]) await twin.step(inputs, classes(4, 2), 4, { ...update, step });
    await Promise.all(calls);
    expect(session.getParameter(0)).toEqual(twin.getParameter(0));
  });

  test("answers about its memory wait until it is idle", async () => {
    const { session, inputs, targets, examples } = large();
    const call = session.accumulate(inputs, targets, examples);
    expect(() => session.getParameter(0)).toThrow(/at work/);
    expect(() => session.clear()).toThrow(/at work/);
    await call;
    session.clear();
    expect(session.getParameter(0).length).toBe(256 * 512);
  });

  test("per-example gradients have one row an example, and none for frozen parameters", async () => {
    const session = small({ clipping: { ...spec.clipping, groupOfParameter: [0, -1, 0, 0] }, model: frozen("0.bias") });
    const { gradients, squaredNorms, losses } = await session.perExampleGradients(numbers(12, 5), classes(4, 2), 4);
    expect(gradients.map((g) => g.length)).toEqual([60, 0, 40, 8]);
    for (let b = 0; b < 4; b++) {
      const square = gradients.reduce(
        (sum, g) => sum + squares(g.subarray((b * g.length) / 4, ((b + 1) * g.length) / 4)),
        0,
      );
      expect(squaredNorms[b]).toBeCloseTo(square, 5);
    }
    expect(losses.length).toBe(4);
  });

  test("an empty batch is a batch", async () => {
    const session = small();
    const none = new Float32Array(0);
    expect(await session.accumulate(none, new Int32Array(0), 0)).toEqual({
      examples: 0,
      leftOut: 0,
      clipped: 0,
      lossSum: 0,
      normSum: 0,
      within: [0],
    });
    expect((await session.evaluate(none, null, 0)).outputs.length).toBe(0);
    expect((await session.perExampleGradients(none, new Int32Array(0), 0)).losses.length).toBe(0);
    expect((await session.step(none, new Int32Array(0), 0, update)).moved).toEqual([false, false, false, false]);
  });

  test("the plan says what the memory is for", () => {
    const { plan } = small();
    expect(plan.layers.map((layer) => layer.kind)).toEqual(["Linear", "ReLU", "Linear"]);
    expect(plan.layers[0]?.parameters).toBe(20);
    expect(plan.totalBytes).toBe(plan.parameterBytes + plan.workerBytes);
  });

  test("memory that cannot be had is a RangeError with its size", async () => {
    // 2⁴⁶ floats: more than an address space.
    const session = new (requireBinding().Session)(mlpSpec([1, 2 ** 21]));
    live.push(session);
    const call = session.perExampleGradients(new Float32Array(2 ** 24), new Int32Array(2 ** 24), 2 ** 24);
    await expect(call).rejects.toThrow(/out of memory: per-example gradients need \d+/);
    await expect(call).rejects.toBeInstanceOf(RangeError);
  });
});

describe("cancel and dispose", () => {
  test("cancel stops between chunks, rejects with an AbortError and clears the sums", async () => {
    const { session, inputs, targets, examples } = large();
    const running = session.step(inputs, targets, examples, update);
    const waiting = session.accumulate(inputs, targets, examples);
    // Work is measured in processors' time, which others on the machine do not change, and from the cancelling on.
    let from = process.cpuUsage();
    setTimeout(() => {
      from = process.cpuUsage();
      session.cancel();
    }, 5);
    await expect(running).rejects.toMatchObject({ name: "AbortError", code: "ABORT_ERR" });
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    const afterwards = process.cpuUsage(from);
    const sums = await session.takeClippedSums();
    expect(sums.every((sum) => squares(sum) === 0)).toBe(true);
    from = process.cpuUsage();
    expect((await session.step(inputs, targets, examples, update)).examples).toBe(examples);
    const whole = process.cpuUsage(from);
    expect(afterwards.user + afterwards.system).toBeLessThan((whole.user + whole.system) / 2);
  });

  test("an argument whose getter disposes the session is refused", () => {
    const session = small();
    const trap = {
      ...update,
      get step() {
        session.dispose();
        return 1;
      },
    };
    expect(() => session.update(trap)).toThrow(/disposed/);
  });

  test("a disposed session throws, and work under way is settled first", async () => {
    const { session, inputs, targets, examples } = large();
    const call = session.step(inputs, targets, examples, update);
    session.dispose();
    session.dispose();
    session.cancel();
    expect(() => session.step(inputs, targets, examples, update)).toThrow(/disposed/);
    expect(() => session.plan).toThrow(/disposed/);
    expect(() => session.getParameter(0)).toThrow(/disposed/);
    const outcome = await call.then(
      (statistics) => statistics.examples,
      (error: Error) => error.name,
    );
    expect([examples, "AbortError"]).toContain(outcome);
  });

  test("the event loop stays free during a long step", async () => {
    const { session, inputs, targets, examples } = large();
    expect(await busyShare(() => session.step(inputs, targets, examples, update))).toBeLessThan(0.5);
  });
});

test("sessions that nobody disposed are freed by the garbage collector", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const Session = requireBinding().Session;
  const wide = mlpSpec([500, 2000, 2]);
  const one = new Session(wide).plan.totalBytes;
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 16; i++) {
    new Session(wide);
    collect();
    await sleep(20);
  }
  // Memory is given back by the sessions' own threads, when these have their turn.
  const grown = () => process.memoryUsage.rss() - before;
  for (let tries = 0; tries < 300 && grown() >= 6 * one; tries++) {
    collect();
    await sleep(100);
  }
  expect(grown()).toBeLessThan(6 * one);
});

test("a second copy of the addon runs beside the first", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hushgrad-"));
  const copy = join(folder, "hushgrad.node");
  try {
    copyFileSync(binaryPath, copy);
    const second = createRequire(import.meta.url)(copy) as NativeBinding;
    const other = new second.Session(spec);
    const inputs = numbers(12, 5);
    const session = small();
    for (let i = 0; i < 4; i++) other.setParameter(i, session.getParameter(i));
    const [a, b] = await Promise.all([session.evaluate(inputs, null, 4), other.evaluate(inputs, null, 4)]);
    expect(a.outputs).toEqual(b.outputs);
    other.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function squares(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

function frozen(name: string): NativeSessionSpec["model"] {
  const parameters = spec.model.parameters.map((p) => (p.name === name ? { ...p, trainable: false } : p));
  return { ...spec.model, parameters };
}
