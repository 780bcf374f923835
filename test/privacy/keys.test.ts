/** Keys are handed over and wiped; nothing shows them. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { privatizeSync } from "../../src/kernels/index.js";
import { privatize } from "../../src/kernels/privatize.js";
import { loadBinding } from "../../src/native/load.js";
import { RandomKeys, SessionRandom } from "../../src/privacy/random.js";
import { makeSession } from "../training/sessions.js";
import { runTiny, temporaryFolder, tinyConfig } from "../training/tiny.js";

const SEED = 4711;
const noiseKey = Buffer.from(new RandomKeys(SEED).key("noise"));
const zeros = new Uint8Array(32);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a key that was handed over", () => {
  it("is overwritten, also where its taker throws", () => {
    const seen: Uint8Array[] = [];
    const random = new SessionRandom(SEED);
    random.withNoiseKey((key) => {
      expect(Buffer.from(key)).toEqual(noiseKey);
      seen.push(key);
    });
    const fails = () =>
      random.withNoiseKey((key) => {
        seen.push(key);
        throw new Error("taken");
      });
    expect(fails).toThrow("taken");
    random.withDropoutKey(1, (key) => seen.push(key));
    expect(seen.map((key) => key.every((byte) => byte === 0))).toEqual([true, true, true]);
  });

  it("is overwritten by the kernels too", async () => {
    const { examples } = loadBinding();
    const [now, later] = [vi.spyOn(examples, "privatizeSync"), vi.spyOn(examples, "privatize")];
    const options = { noiseMultiplier: 1, sensitivity: 1, normalizer: 1 };
    const [one, other] = [privatizeSync(new Float32Array(9), options), await privatize(new Float32Array(9), options)];
    expect(one.gradient).not.toEqual(other.gradient);
    expect(now.mock.calls[0]?.[0].key).toEqual(zeros);
    expect(later.mock.calls[0]?.[0].key).toEqual(zeros);
  });
});

describe("the master key", () => {
  it("is not shown by whatever prints an object", () => {
    const keys = new RandomKeys(SEED);
    const random = new SessionRandom(SEED);
    using session = makeSession([4, 3], { seed: SEED });
    for (const shown of [keys, random, session, keys.stream("noise")]) {
      const text = `${inspect(shown, { depth: null, showHidden: true })}${JSON.stringify(Object.entries(shown))}`;
      expect(text).not.toMatch(/master|hushgrad seed|68 75 73 68/);
      expect(text).not.toContain([...noiseKey].join(", "));
    }
  });

  it("is gone after wipe(), and with it what could be drawn", () => {
    const keys = new RandomKeys();
    const stream = keys.stream("sampling");
    keys.wipe();
    expect(() => keys.key("noise")).toThrow("random keys were asked for after they had been wiped");
    expect(stream.uniform()).toBeLessThan(1);
  });
});

test("a step that is under way when its session is disposed of ends as ever", async () => {
  const session = makeSession([4, 3], { seed: null });
  const step = session.step({ inputs: new Float32Array(4).fill(1), targets: new Int32Array(1), size: 1 });
  session.dispose();
  await expect(step).resolves.toMatchObject({ step: 1 });
  await expect(session.step({ inputs: new Float32Array(4), targets: new Int32Array(1), size: 1 })).rejects.toThrow(
    /disposed/,
  );
});

test("no file of a run holds a key", async () => {
  const out = join(temporaryFolder(), "run");
  await runTiny(tinyConfig({ seed: SEED, steps: 12 }), out);
  const names = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(names.length).toBeGreaterThan(4);
  for (const { parentPath, name } of names) {
    const content = readFileSync(join(parentPath, name));
    for (const purpose of ["noise", "sampling", "dropout", "counts"] as const) {
      const key = Buffer.from(new RandomKeys(SEED).key(purpose));
      for (const form of [key, key.toString("hex"), key.toString("base64")]) expect(content.includes(form)).toBe(false);
    }
  }
});

/** How often `needle` lies in the readable, writable memory of a process. */
function countInMemory(pid: number, needle: Buffer): number {
  const file = openSync(`/proc/${pid}/mem`, "r");
  let found = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (!range || line.includes("[v")) continue;
    const [start, end] = [Number.parseInt(range[1] as string, 16), Number.parseInt(range[2] as string, 16)];
    found += countInRange(file, start, end, needle);
  }
  closeSync(file);
  return found;
}

function countInRange(file: number, start: number, end: number, needle: Buffer): number {
  const chunk = Buffer.alloc(2 ** 22);
  let found = 0;
  for (let at = start; at < end; at += chunk.length - needle.length) {
    let bytes = 0;
    try {
      bytes = readSync(file, chunk, 0, Math.min(chunk.length, end - at), at);
    } catch {
      return found; // reserved, and not there
    }
    const part = chunk.subarray(0, bytes);
    for (let hit = part.indexOf(needle); hit >= 0; hit = part.indexOf(needle, hit + 1)) found++;
  }
  return found;
}

test.skipIf(process.platform !== "linux").each(["gaussian", "discrete"])(
  "no copy of the noise key stays in the process's memory once its session is disposed of: %s",
  async (noise) => {
    const child = fork(join(import.meta.dirname, "keys-child.ts"), [noise], { execArgv: ["--import", "tsx"] });
    try {
      expect(await once(child, "message")).toEqual(["open", undefined]);
      expect(countInMemory(child.pid as number, noiseKey)).toBeGreaterThan(0); // the ciphers' own
      child.send("dispose");
      expect(await once(child, "message")).toEqual(["disposed", undefined]);
      // Native memory is freed by the session's own thread, when that has its turn.
      await vi.waitFor(() => expect(countInMemory(child.pid as number, noiseKey)).toBe(0), {
        timeout: 60_000,
        interval: 100,
      });
    } finally {
      child.kill();
    }
  },
);
