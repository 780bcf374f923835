/** What a resumed run, and two resumed copies of one run, draw: no noise and no sample twice, unless a seed asks for it. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { composeLedgers, spentOf, statusOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import type { PrivacyStatement } from "../../src/privacy/statement.js";
import { readCheckpoint } from "../../src/training/checkpoint-seal.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { Trainer } from "../../src/training/trainer.js";
import { UnmovedParametersError } from "../../src/training/unmoved.js";
import { spyOnKeys, weightsIn } from "./derived-keys.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const train = tinyData(200);
const privacy = { noiseMultiplier: 1, delta: 1e-5, datasetSize: 200 };
const unseeded = tinyConfig({ steps: 24, checkpointEvery: 4, privacy });
const seeded = tinyConfig({ steps: 24, checkpointEvery: 4, privacy, seed: 5 });

afterEach(() => vi.restoreAllMocks());

/** Trains until `dieAfter`, or to the end. Gives the keys that were derived, by purpose and index, and the batches' sizes. */
async function run(config: TrainingConfig, out: string, resume: boolean, dieAfter?: number) {
  const keys = new Map<string, string>();
  const spy = spyOnKeys((purpose, index, key) => keys.set([purpose, index].join("/"), key));
  const trainer = new Trainer({ config, train, out, resume });
  const sizes: number[] = [];
  trainer.on("step", ({ step, statistics }) => {
    sizes.push(statistics.examples);
    if (step === dieAfter) throw new Error("killed");
  });
  if (dieAfter === undefined) await trainer.run();
  else await expect(trainer.run()).rejects.toThrow("killed");
  spy.mockRestore();
  return { keys, sizes };
}

/** A run that dies at step 10, its last checkpoint that of step 8, and a copy of its folder; both then go on. */
async function branched(config: TrainingConfig) {
  const parent = temporaryFolder();
  const [a, b] = [join(parent, "a"), join(parent, "b")];
  const before = await run(config, a, false, 10);
  cpSync(a, b, { recursive: true });
  return { a, b, lives: [before, await run(config, a, true), await run(config, b, true)] };
}

describe("a run that sees each example once a cycle", () => {
  const privacy = { noiseMultiplier: 4, delta: 1e-5 };
  const config = tinyConfig({ steps: 24, checkpointEvery: 4, privacy, sampling: { type: "shuffle" } });

  it("is charged for every cycle that a process began, and says how it sampled", async () => {
    const out = join(temporaryFolder(), "run");
    const first = await run(config, out, false, 10);
    await run(config, out, true);
    const ledger = readRunLedger(out);
    expect(first.sizes.slice(0, 10)).toEqual(Array(10).fill(20));
    expect(ledger.start).toMatchObject({ sampler: "shuffle", relation: "zero-out", accountant: "prv" });
    const counted = spentOf(ledger);
    const steps = counted.reduce((sum, row) => sum + row.steps, 0);
    // Of 10 steps a cycle: the first process began one (12 steps were reserved: two), the second two for the 16 steps left.
    const cycles = Math.ceil((steps - 16) / 10) + 2;
    expect(counted.find(({ samplingRate }) => samplingRate === 1)?.steps).toBe(cycles);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8")) as PrivacyStatement;
    expect(statement).toMatchObject({
      relation: "zero-out",
      sampling: { sampler: "shuffle", assumedByAccountant: "shuffle" },
      epsilon: makeAccountant().epsilonAfter({ samplingRate: 1, noiseMultiplier: 4 }, cycles, 1e-5),
    });
    expect(statement.sampling.accountedAs).toContain("one step on all the data");
  });

  it("is calibrated for whole cycles", async () => {
    const target = tinyConfig({ steps: 24, privacy: { epsilon: 3, delta: 1e-5 }, sampling: { type: "shuffle" } });
    const trainer = new Trainer({ config: target, train });
    const result = await trainer.run();
    expect(result.stopped).toBe("finished");
    expect(result.step).toBe(24);
    expect(result.epsilon).toBeLessThanOrEqual(3);
    expect(result.epsilon).toBeGreaterThan(2.99);
  });
});

describe("two copies of a run, resumed", () => {
  it("draw noise and samples from keys of their own, and of no earlier process", async () => {
    const { a, b, lives } = await branched(unseeded);
    for (const purpose of ["noise", "sampling"]) {
      const drawn = lives.map(({ keys }) => keys.get(`${purpose}/0`));
      expect(drawn.every((key) => key?.length === 64)).toBe(true);
      expect(new Set(drawn).size).toBe(3);
    }
    const all = lives.flatMap(({ keys }) => [...keys.values()]);
    expect(new Set(all).size).toBe(all.length);
    expect(weightsIn(a)).not.toEqual(weightsIn(b));
    expect(lives[1]?.sizes).not.toEqual(lives[2]?.sizes);
  });

  it("count the steps that they share once, those that died too, and both continuations", async () => {
    const { a, b } = await branched(unseeded);
    const { steps, ledgers } = composeLedgers([a, b].map(readRunLedger));
    const shared = ledgers[0]?.shared as number;
    expect(shared).toBeGreaterThanOrEqual(10);
    expect(shared).toBeLessThanOrEqual(12); // reserved three at a time
    expect(steps).toBe(shared + 16 + 16);
    expect(ledgers.map(({ status, steps }) => [status, steps])).toEqual([
      ["finished", shared + 16],
      ["finished", shared + 16],
    ]);
    expect(ledgers[0]?.run).toBe(ledgers[1]?.run);
  });

  it("of a seeded run repeat each other to the bit, and say that they are not private", async () => {
    const { a, b } = await branched(seeded);
    expect(weightsIn(a)).toEqual(weightsIn(b));
    for (const out of [a, b]) {
      const { private: isPrivate, epsilon } = JSON.parse(
        readFileSync(join(out, "privacy.json"), "utf8"),
      ) as PrivacyStatement;
      expect({ isPrivate, epsilon }).toEqual({ isPrivate: false, epsilon: null });
    }
    expect(composeLedgers([a, b].map(readRunLedger)).notPrivateBecause).toHaveLength(2);
  });
});

describe("a first step that moves nothing", () => {
  const still = { steps: 400, optimizer: { type: "sgd", learningRate: 1e-30 }, privacy };

  it("costs a step, not all that were reserved, and leaves a run that is over for now", async () => {
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig(still);
    for (const taken of [1, 2]) {
      const trainer = new Trainer({ config, train, out, resume: taken > 1 });
      await expect(trainer.run()).rejects.toThrow(UnmovedParametersError);
      const ledger = readRunLedger(out);
      expect(ledger.entries.some((entry) => entry.kind === "reserve" && countSteps(entry.mechanisms) > 1)).toBe(true);
      expect(countSteps(spentOf(ledger))).toBe(taken);
      expect(statusOf(ledger)).toBe("interrupted");
      const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8")) as PrivacyStatement;
      expect(statement).toMatchObject({ status: "interrupted", steps: { taken: 1, reserved: taken } });
    }
  });

  it("is no failure of a process that goes on", async () => {
    // Of this schedule only the first steps move anything.
    const out = join(temporaryFolder(), "run");
    const config = tinyConfig({
      steps: 24,
      checkpointEvery: 4,
      privacy,
      schedule: { type: "step", every: 1, factor: 1e-30 },
    });
    await run(config, out, false, 14);
    expect((await run(config, out, true)).sizes).toHaveLength(12);
    expect(statusOf(readRunLedger(out))).toBe("finished");
  });
});

describe("what a ledger's entries are written after", () => {
  it("is named in every file that a run leaves, so that an older ledger is found out", async () => {
    const out = join(temporaryFolder(), "run");
    await run(unseeded, out, false, 10);
    const { entries } = readRunLedger(out);
    for (const file of ["checkpoint.safetensors", "state.safetensors", "state.previous.safetensors"]) {
      const { metadata } = readSafetensors(join(out, file));
      expect(entries[Number(metadata.ledgerSequence)]?.hash).toBe(metadata.ledgerHash);
      expect(metadata.format).toMatch(/^hushgrad-(model-1|state-2)$/);
      expect(readCheckpoint(join(out, file)).metadata).toEqual(metadata);
      const bytes = readFileSync(join(out, file));
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
      writeFileSync(join(out, "changed"), bytes);
      expect(() => readCheckpoint(join(out, "changed"))).toThrow(/changed: is damaged: its SHA-256/);
    }
    const { ledger } = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(ledger).toEqual({ file: "ledger.jsonl", sequence: entries.length - 1, hash: entries.at(-1)?.hash });
  });

  it("refuses to go on with the checkpoint of another branch", async () => {
    const { a, b } = await branched(unseeded);
    const parent = temporaryFolder();
    const [c, d] = [join(parent, "c"), join(parent, "d")];
    await run(unseeded, c, false, 10);
    cpSync(c, d, { recursive: true });
    await run(unseeded, c, true, 14);
    await run(unseeded, d, true, 18);
    cpSync(join(d, "state.safetensors"), join(c, "state.safetensors"));
    await expect(run(unseeded, c, true)).rejects.toThrow(/state\.safetensors was written after/);
    expect([a, b].map((out) => readRunLedger(out).entries.at(-1)?.kind)).toEqual(["end", "end"]);
  });
});
