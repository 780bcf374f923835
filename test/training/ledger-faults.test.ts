/** What a disk can do to a run: refuse a write, take half of it, fail to flush, turn read-only. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../../src/data/safetensors.js";
import { spentOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import type { PrivacyStatement } from "../../src/privacy/statement.js";
import { seal } from "../../src/training/checkpoint-seal.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { Trainer } from "../../src/training/trainer.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

/** Calls that wait, of a callback, and of a promise: what waits is told from what does not by its module alone. */
type Faulty =
  | "writeSync"
  | "openSync"
  | "fdatasyncSync"
  | "fsyncSync"
  | "ftruncateSync"
  | "renameSync"
  | "appendFileSync"
  | "appendFile"
  | "fdatasync"
  | "writeFile"
  | "rename"
  | "open";

/** Called in place of a call of that name; throws where it fails. `real` does what was asked. */
const faults: Partial<Record<Faulty, (real: (...args: never[]) => unknown, args: unknown[]) => unknown>> = {};

type Call = (...args: unknown[]) => unknown;

function faulty(name: Faulty, real: Call): Call {
  return (...args) => (faults[name] ? faults[name](real, args) : real(...args));
}

/** What a fault throws goes to the callback. */
function faultyCallback(name: Faulty, real: Call): Call {
  return (...args) => {
    try {
      return faulty(name, real)(...args);
    } catch (error) {
      return (args.at(-1) as (error: unknown) => void)(error);
    }
  };
}

function faultyPromise(name: Faulty, real: Call): Call {
  return async (...args) => await faulty(name, real)(...args);
}

vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<Record<string, Call>>();
  const blocking = [
    "writeSync",
    "openSync",
    "fdatasyncSync",
    "fsyncSync",
    "ftruncateSync",
    "renameSync",
    "appendFileSync",
  ] as const;
  const wrapped = blocking.map((name) => [name, faulty(name, fs[name] as Call)]);
  const waiting = (["appendFile", "fdatasync"] as const).map((name) => [name, faultyCallback(name, fs[name] as Call)]);
  return { ...fs, ...Object.fromEntries([...wrapped, ...waiting]) };
});

vi.mock("node:fs/promises", async (importOriginal) => {
  const fs = await importOriginal<Record<string, Call>>();
  const wrapped = (["writeFile", "rename", "open"] as const).map((name) => [
    name,
    faultyPromise(name, fs[name] as Call),
  ]);
  return { ...fs, ...Object.fromEntries(wrapped) };
});

function clearFaults(): void {
  for (const name of Object.keys(faults)) delete faults[name as Faulty];
}
afterEach(clearFaults);

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

const train = tinyData(200);
const config = tinyConfig({
  steps: 12,
  checkpointEvery: 3,
  privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: 200 },
});

/** For what is tried at every call of a run. */
const short = tinyConfig({ ...config, steps: 5, checkpointEvery: 2 });

/** Trains, and counts the updates that were told. */
async function attempt(out: string, resume: boolean, of = config): Promise<{ updates: number; error: unknown }> {
  const trainer = new Trainer({ config: of, train, out, resume });
  let updates = 0;
  trainer.on("step", () => updates++);
  try {
    await trainer.run();
    return { updates, error: undefined };
  } catch (error) {
    return { updates, error };
  }
}

const counted = (out: string) => countSteps(spentOf(readRunLedger(out)));

function statement(out: string): PrivacyStatement {
  return JSON.parse(readFileSync(join(out, "privacy.json"), "utf8")) as PrivacyStatement;
}

describe("a disk that is full", () => {
  it("at the k-th write, whichever: nothing is taken that is not counted, and the run can be resumed", async () => {
    const parent = temporaryFolder();
    let failed = 0;
    for (let k = 1; ; k++) {
      const out = join(parent, String(k));
      let calls = 0;
      const refuse = (real: (...args: never[]) => unknown, args: unknown[]) => {
        calls++;
        if (calls < k) return real(...(args as never[]));
        // A full disk takes what fits, then nothing.
        const [file, bytes, from = 0] = args as [number, Uint8Array | string, number?];
        if (calls === k && bytes instanceof Uint8Array) {
          const half = bytes.subarray(
            from as number,
            (from as number) + Math.ceil((bytes.length - (from as number)) / 2),
          );
          return (real as (...args: unknown[]) => number)(file, half);
        }
        throw failure("ENOSPC");
      };
      faults.writeSync = refuse;
      const whole = (real: (...args: never[]) => unknown, args: unknown[]) => {
        calls++;
        if (calls >= k) throw failure("ENOSPC");
        return real(...(args as never[]));
      };
      faults.appendFileSync = whole;
      faults.writeFile = whole;
      faults.appendFile = (real, args) => {
        calls++;
        if (calls < k) return real(...(args as never[]));
        const [file, bytes, told] = args as [number, Uint8Array, (error: unknown) => void];
        const half = bytes.subarray(0, calls === k ? bytes.length / 2 : 0);
        return (real as (...args: unknown[]) => void)(file, half, () => told(failure("ENOSPC")));
      };
      const first = await attempt(out, false, short);
      clearFaults();
      if (calls < k) break; // the run has no k-th write
      failed++;
      const { message } = first.error as Error;
      expect(message.startsWith(out)).toBe(true); // the file
      expect(message).toContain(
        "cannot be written (ENOSPC: injected): there is no room left; make some and try again, a run with --resume",
      );
      expect(existsSync(join(out, "run.lock"))).toBe(false);
      const ledger = existsSync(join(out, "ledger.jsonl"));
      expect(ledger ? counted(out) : 0).toBeGreaterThanOrEqual(first.updates);
      if (existsSync(join(out, "privacy.json")))
        expect(statement(out).steps.reserved).toBeGreaterThanOrEqual(first.updates);
      const over = ledger && /finished/.test(readFileSync(join(out, "ledger.jsonl"), "utf8"));
      if (over) continue; // only the report could no longer be written
      const second = await attempt(out, ledger, short);
      expect(second.error).toBeUndefined();
      expect(counted(out)).toBeGreaterThanOrEqual(first.updates + second.updates);
      expect(counted(out)).toBeLessThanOrEqual(first.updates + second.updates + 1); // what fitted was taken back
    }
    expect(failed).toBeGreaterThan(20);
  });

  it("and half a line that cannot be taken back: counted as the largest reservation", async () => {
    const out = join(temporaryFolder(), "run");
    const longer = tinyConfig({ ...config, steps: 32 }); // at most two at once
    let reserved = 0;
    faults.appendFile = (real, args) => {
      if (++reserved < 4) return real(...(args as never[]));
      const [file, bytes, told] = args as [number, Uint8Array, (error: unknown) => void];
      return (real as (...args: unknown[]) => void)(file, bytes.subarray(0, 30), () => told(failure("ENOSPC")));
    };
    faults.ftruncateSync = () => {
      throw failure("EIO");
    };
    const first = await attempt(out, false, longer);
    expect(String(first.error)).toMatch(/ledger\.jsonl: cannot be written \(ENOSPC/);
    expect(readRunLedger(out).torn).toHaveLength(30);
    const before = countSteps(spentOf({ ...readRunLedger(out), torn: undefined }));
    expect([3, 4, 5, 6]).toContain(before); // three times two, or one where a step took seconds
    expect(counted(out)).toBe(before + 2);
    clearFaults();
    const second = await attempt(out, true, longer);
    expect(second.error).toBeUndefined();
    expect(readRunLedger(out).torn).toBeUndefined();
    expect(counted(out)).toBe(before + 2 + second.updates);
  });
});

describe("a process that dies", () => {
  it("while it takes the folder leaves no lock without its name, which would keep everyone out", async () => {
    const out = join(temporaryFolder(), "run");
    const there: boolean[] = [];
    faults.writeSync = (real, args) => {
      if (String(args[1]).includes('"token"')) there.push(existsSync(join(out, "run.lock")));
      return real(...(args as never[]));
    };
    expect((await attempt(out, false, short)).error).toBeUndefined();
    expect(there).toEqual([false]);
  });
});

describe("a disk that fails", () => {
  it("to flush: no step is taken under what was not flushed, and no second attempt is made", async () => {
    const out = join(temporaryFolder(), "run");
    let flushes = 0;
    faults.fdatasync = (real, args) => {
      if (++flushes === 5) throw failure("EIO");
      return real(...(args as never[]));
    };
    const first = await attempt(out, false);
    expect(String(first.error)).toMatch(
      /ledger\.jsonl: cannot be written \(EIO: injected\); no step was taken that it does not count/,
    );
    expect(flushes).toBe(5);
    expect(first.updates).toBe(4); // one at a time
    expect(counted(out)).toBe(4);
    expect(statement(out).steps.reserved).toBe(4);
  });

  it.each(["fsyncSync", "renameSync", "writeFile", "rename", "open"] as const)(
    "at the k-th %s: the same",
    async (name) => {
      const parent = temporaryFolder();
      for (let k = 1; ; k++) {
        const out = join(parent, String(k));
        let calls = 0;
        faults[name] = (real, args) => {
          if (++calls === k) throw failure("EIO");
          return real(...(args as never[]));
        };
        const first = await attempt(out, false, short);
        clearFaults();
        if (calls < k) break;
        expect(first.error).toMatchObject({ message: expect.stringContaining("EIO") });
        expect(existsSync(join(out, "ledger.jsonl")) ? counted(out) : 0).toBeGreaterThanOrEqual(first.updates);
        expect(existsSync(join(out, "run.lock"))).toBe(false);
      }
    },
  );

  it("by turning read-only: named before anything is trained, and in the middle", async () => {
    const parent = temporaryFolder();
    const readOnly = (real: (...args: never[]) => unknown, args: unknown[]) => {
      const [file, flags] = args as [string, string?];
      if (flags !== undefined && flags !== "r" && String(file).startsWith(parent)) throw failure("EROFS");
      return real(...(args as never[]));
    };
    faults.openSync = readOnly;
    const never = await attempt(join(parent, "never"), false);
    expect(never).toMatchObject({ updates: 0, error: { name: "RunDirectoryError" } });
    expect(String(never.error)).toMatch(/never: cannot be written \(EROFS/);
    delete faults.openSync;

    const out = join(parent, "middle");
    const trainer = new Trainer({ config, train, out });
    let updates = 0;
    trainer.on("step", ({ step }) => {
      updates = step;
      if (step === 5) faults.openSync = readOnly;
    });
    await expect(trainer.run()).rejects.toThrow(/EROFS/);
    expect(counted(out)).toBeGreaterThanOrEqual(updates);
    delete faults.openSync;
    expect((await attempt(out, true)).error).toBeUndefined();
  });
});

describe("a checkpoint that is damaged", () => {
  /** A run that dies after step 8, its last checkpoints those of steps 6 and 3. */
  async function died(): Promise<string> {
    const out = join(temporaryFolder(), "run");
    const trainer = new Trainer({ config, train, out });
    trainer.on("step", ({ step }) => {
      if (step === 8) throw new Error("power cut");
    });
    await expect(trainer.run()).rejects.toThrow("power cut");
    return out;
  }

  const damage = (path: string, how: (bytes: Buffer) => Buffer) => writeFileSync(path, how(readFileSync(path)));
  const flip = (bytes: Buffer) => {
    const at = bytes.length - 3; // within a tensor: no other check than the checksum sees it
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };

  const withMetadata = (changes: Readonly<Record<string, string>>) => (bytes: Buffer) => {
    const { tensors, metadata } = decodeSafetensors(bytes, "state");
    const { sha256: _, ...rest } = metadata;
    return Buffer.from(encodeSafetensors(tensors, seal(tensors, { ...rest, ...changes })));
  };

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ["by one bit", flip, /state\.safetensors: is damaged: its SHA-256/],
    ["by a torn write", (bytes) => bytes.subarray(0, 200), /state\.safetensors: /],
    ["to nothing", () => Buffer.alloc(0), /state\.safetensors: /],
    [
      "by being another version's",
      withMetadata({ format: "hushgrad-state-9" }),
      /state\.safetensors: metadata format: .*hushgrad-state-2/,
    ],
    ["by no step", withMetadata({ step: "" }), /state\.safetensors: metadata step: expected a whole number/],
    ["by thresholds that are no JSON", withMetadata({ thresholds: "[" }), /metadata thresholds: expected JSON/],
  ])("%s is named, and the one before it used", async (_, how, message) => {
    const out = await died();
    damage(join(out, "state.safetensors"), how);
    const trainer = new Trainer({ config, train, out, resume: true });
    const told: { step: number; damagedCheckpoint?: string | undefined }[] = [];
    trainer.on("start", (event) => void told.push(event));
    const result = await trainer.run();
    expect(told).toMatchObject([{ step: 3, damagedCheckpoint: expect.stringMatching(message) }]);
    expect(result).toMatchObject({ step: 12, accountedSteps: 9 + 9 });
    expect(existsSync(join(out, "state.damaged.safetensors"))).toBe(true);
  });

  it("does not replace the good one before a newer is written", async () => {
    const out = await died();
    damage(join(out, "state.safetensors"), flip);
    const good = readFileSync(join(out, "state.previous.safetensors"));
    const trainer = new Trainer({ config, train, out, resume: true });
    trainer.on("step", () => {
      throw new Error("power cut again");
    });
    await expect(trainer.run()).rejects.toThrow("power cut again");
    expect(readFileSync(join(out, "state.previous.safetensors")).equals(good)).toBe(true);
    expect((await attempt(out, true)).error).toBeUndefined();
  });

  it("as the one before it is: both are named, nothing is trained", async () => {
    const out = await died();
    for (const name of ["state.safetensors", "state.previous.safetensors"]) damage(join(out, name), flip);
    const { updates, error } = await attempt(out, true);
    expect(updates).toBe(0);
    expect(String(error)).toMatch(/state\.safetensors: is damaged.*state\.previous\.safetensors: is damaged.*no other/);
  });
});
