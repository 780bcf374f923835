/** Runs with correlated noise: what they cost, what they leave on disk, and how they go on. */
import { appendFileSync, chmodSync, cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { sameMechanism } from "../../src/audit/audited-run.js";
import { readSafetensors } from "../../src/data/safetensors.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { composeLedgers, spentOf } from "../../src/privacy/ledger-compose.js";
import { roundUp } from "../../src/privacy/rounding.js";
import type { PrivacyStatement } from "../../src/privacy/statement.js";
import { planRun } from "../../src/training/prepare.js";
import { readRunLedger, runPaths } from "../../src/training/run-directory.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { inProcess } from "../cli/command.js";
import { spyOnKeys, weightsIn } from "./derived-keys.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const DELTA = 1e-5;
const privacy = { noiseMultiplier: 3, delta: DELTA };

/** One with each: amplified; carried; starting anew in each process. */
const amplified = {
  privacy: { ...privacy, correlation: { type: "bandMF", bands: 4 } },
  sampling: { type: "cyclicPoisson", blocks: 5 },
};
const carried = {
  privacy: { ...privacy, correlation: { type: "bisr", bands: 6 } },
  sampling: { type: "cyclicPoisson", blocks: 10 },
};
const buffered = {
  privacy: { ...privacy, correlation: { type: "blt", buffers: 2 } },
  sampling: { type: "cyclicPoisson", blocks: 8 },
};
const anew = { privacy: { ...privacy, correlation: { type: "blt", buffers: 2 } }, sampling: { type: "shuffle" } };

const make = (settings: object, changes: object = {}) =>
  tinyConfig({ steps: 24, checkpointEvery: 4, ...settings, ...changes });

interface Life {
  readonly resume?: boolean;
  /** The step after which the process dies. */
  readonly dies?: number;
  /** The step after which it is asked to stop. */
  readonly stops?: number;
  readonly examples?: number;
}

/** Trains; gives the key of its noise and the sizes of its batches. */
async function live(
  config: ReturnType<typeof make>,
  out: string,
  { resume = false, dies, stops, examples = 205 }: Life = {},
) {
  const keys: string[] = [];
  const spy = spyOnKeys((purpose, _, key) => {
    if (purpose === "noise") keys.push(key);
  });
  const controller = new AbortController();
  const trainer = new Trainer({ config, train: tinyData(examples), out, resume });
  const sizes: number[] = [];
  trainer.on("step", ({ step, statistics }) => {
    sizes.push(statistics.examples);
    if (step === dies) throw new Error("killed");
    if (step === stops) controller.abort();
  });
  if (dies === undefined) await trainer.run(controller.signal);
  else await expect(trainer.run()).rejects.toThrow("killed");
  spy.mockRestore();
  return { keys, sizes };
}

const statementIn = (out: string) => JSON.parse(readFileSync(runPaths(out).privacy, "utf8")) as PrivacyStatement;
const folder = () => join(temporaryFolder(), "run");

afterEach(() => vi.restoreAllMocks());

describe("what a run costs", () => {
  it("is that of a Poisson step a cycle, where C has no more bands than a cycle has steps", async () => {
    const out = folder();
    await live(make(amplified), out);
    const charged = { samplingRate: 0.5, noiseMultiplier: 3, steps: 5 };
    expect(spentOf(readRunLedger(out))).toContainEqual(charged);
    const epsilon = makeAccountant().epsilonAfter(charged, 5, DELTA);
    expect(statementIn(out)).toMatchObject({
      private: true,
      epsilon,
      relation: "zero-out",
      correlation: {
        type: "bandMF",
        bands: 4,
        noiseMultiplier: 3,
        participation: { pattern: "cyclic", steps: 5 },
        carried: false,
      },
    });
    expect(statementIn(out).sampling.accountedAs).toMatch(/one Poisson step of rate 0.5: C has 4 bands/);
    expect(readRunLedger(out).start.correlation).toEqual({ type: "bandMF", bands: 4, carried: false });
    const { stdout } = await inProcess(["ledger", out]);
    expect(stdout).toContain("run: noise is correlated from step to step by bandMF, 4 bands; q and σ are those of");
    expect(stdout).toContain(`Together: ε = ${roundUp(epsilon, 6)} at δ = 1e-5`);
  });

  it("is that of one Gaussian of the run's sensitivity elsewhere, window by window", async () => {
    for (const settings of [carried, buffered, anew]) {
      const out = folder();
      const config = make(settings);
      await live(config, out, { examples: 200 });
      const { correlation } = planTraining(config, 200);
      const mu2 = (correlation?.pieces ?? []).reduce((sum, { factor }) => sum + (1 / (3 * factor)) ** 2, 0);
      const { epsilon, steps } = statementIn(out);
      expect(steps).toEqual({ taken: 24, reserved: 24 });
      const gaussian = { samplingRate: 1, noiseMultiplier: 1 / Math.sqrt(mu2) };
      expect(epsilon).toBeCloseTo(makeAccountant().epsilonAfter(gaussian, 1, DELTA), 6);
      expect(spentOf(readRunLedger(out)).filter(({ samplingRate }) => samplingRate === 1)).toHaveLength(3);
      expect(statementIn(out).sampling.accountedAs).toMatch(/no amplification by sampling/);
    }
  });

  it("is what a single participation costs where the run is one cycle", () => {
    const config = make(anew, { steps: 10 });
    const { mechanisms } = planTraining(config, 200);
    expect(mechanisms).toHaveLength(1);
    expect(mechanisms[0]).toMatchObject({ samplingRate: 1, cycle: 10, steps: 10 });
    expect(mechanisms[0]?.noiseMultiplier).toBeCloseTo(3, 4);
    expect(mechanisms[0]?.noiseMultiplier).toBeLessThanOrEqual(3.00001);
  });

  it("stays within a target, and reaches it", async () => {
    for (const settings of [amplified, carried, anew]) {
      const { correlation } = settings.privacy;
      const config = make(settings, { privacy: { epsilon: 2, delta: DELTA, correlation } });
      const trainer = new Trainer({ config, train: tinyData(200) });
      const { stopped, epsilon } = await trainer.run();
      expect(stopped).toBe("finished");
      expect(epsilon).toBeLessThanOrEqual(2);
      expect(epsilon).toBeGreaterThan(1.99);
    }
  });

  it("counts 2S where an example is replaced", () => {
    const replaced = make(carried, { privacy: { ...carried.privacy, relation: "replace-one" } });
    expect(planTraining(replaced, 200).mechanisms.every(({ relation }) => relation === "replace-one")).toBe(true);
  });
});

describe("a run that goes on", () => {
  it.each([
    ["amplified", amplified],
    ["carried", carried],
    ["buffered", buffered],
    ["anew", anew],
  ])("%s, with a seed, is to the bit what it would have been, stopped or killed", async (_, settings) => {
    const config = make(settings, { seed: 5 });
    const examples = settings === anew ? 200 : 205;
    const [whole, stopped, killed] = [folder(), folder(), folder()];
    await live(config, whole, { examples });
    await live(config, stopped, { examples, stops: 7 });
    await live(config, stopped, { examples, resume: true });
    await live(config, killed, { examples, dies: 10 });
    await live(config, killed, { examples, resume: true });
    expect(weightsIn(stopped)).toEqual(weightsIn(whole));
    expect(weightsIn(killed)).toEqual(weightsIn(whole));
    for (const out of [whole, stopped, killed]) expect(existsSync(runPaths(out).noise)).toBe(false);
  });

  it("keeps its noise for itself, beside the checkpoints, and deletes it at the end", async () => {
    const out = folder();
    const { noise, previousNoise, state } = runPaths(out);
    await live(make(carried), out, { dies: 10 });
    for (const file of [noise, previousNoise]) expect(statSync(file).mode & 0o777).toBe(0o600);
    const kept = readSafetensors(noise);
    expect(kept.metadata).toMatchObject({ format: "hushgrad-noise-1", step: "8" });
    expect([...kept.tensors.keys()]).toEqual(["noise.0", "noise.1", "noise.2", "noise.3", "noise.4"]);
    expect(readSafetensors(state).metadata.ledgerHash).toBe(kept.metadata.ledgerHash);
    const values = kept.tensors.get("noise.0")?.values as Float32Array;
    const secret = Buffer.from(values.buffer, values.byteOffset, 64);
    for (const file of [state, runPaths(out).checkpoint, runPaths(out).ledger, runPaths(out).privacy]) {
      expect(readFileSync(file).includes(secret)).toBe(false);
    }
    await live(make(carried), out, { resume: true });
    expect(existsSync(noise) || existsSync(previousNoise)).toBe(false);
  });

  it("has no such secret where noise starts anew, and pays for what each process did", async () => {
    for (const settings of [amplified, anew]) {
      const out = folder();
      const first = await live(make(settings), out, { dies: 10, examples: 200 });
      expect(existsSync(runPaths(out).noise)).toBe(false);
      const second = await live(make(settings), out, { resume: true, examples: 200 });
      expect(second.keys).not.toEqual(first.keys);
    }
  });

  it("takes an example's turns up where they were, and pays again for the window that it enters", async () => {
    // Blocks of 21 and of 20 in turn: examples 0 … 204 in 10 blocks, each whole in its step's batch.
    const [whole, resumed] = [folder(), folder()];
    const { sizes } = await live(make(carried), whole);
    expect(sizes.slice(0, 10)).toEqual([21, 21, 21, 21, 21, 20, 20, 20, 20, 20]);
    const before = await live(make(carried), resumed, { stops: 7 });
    const after = await live(make(carried), resumed, { resume: true });
    expect([...before.sizes, ...after.sizes]).toEqual(sizes);
    expect(after.keys).not.toEqual(before.keys);
    const windows = (out: string) =>
      spentOf(readRunLedger(out))
        .filter(({ samplingRate }) => samplingRate === 1)
        .reduce((sum, { steps }) => sum + steps, 0);
    expect(windows(whole)).toBe(3);
    expect(windows(resumed)).toBe(4);
    expect(statementIn(resumed).epsilon as number).toBeGreaterThan(statementIn(whole).epsilon as number);
  });

  it("and its copy share the past alone: fresh noise in both, both counted", async () => {
    const [a, b] = [folder(), folder()];
    const first = await live(make(carried), a, { dies: 10 });
    cpSync(a, b, { recursive: true });
    const lives = [await live(make(carried), a, { resume: true }), await live(make(carried), b, { resume: true })];
    expect(new Set([first, ...lives].flatMap(({ keys }) => keys)).size).toBe(3);
    const paid = (ledgers: string[]) =>
      composeLedgers(ledgers.map(readRunLedger))
        .mechanisms.filter(({ samplingRate }) => samplingRate === 1)
        .reduce((sum, { steps }) => sum + steps, 0);
    // Windows of steps 1–10, 11–20 and 21–24: both copies enter all three from step 9 on.
    expect(paid([a, b])).toBe(paid([a]) + 3);
  });

  it("counts a reservation that cannot be read as entering a window more than its steps fill", async () => {
    const out = folder();
    await live(make(carried), out, { dies: 10 });
    const before = spentOf(readRunLedger(out));
    appendFileSync(runPaths(out).ledger, "torn");
    const paid = (rows: typeof before) =>
      rows.filter(({ samplingRate }) => samplingRate === 1).reduce((sum, { steps }) => sum + steps, 0);
    expect(readRunLedger(out).start.largestReservation).toBeLessThanOrEqual(10); // within one window's length
    expect(paid(spentOf(readRunLedger(out)))).toBe(paid(before) + 2);
  });

  it("has the noise of the state that it goes on from, whenever it dies between the two", async () => {
    const out = folder();
    const { noise, previousNoise, state, previousState } = runPaths(out);
    await live(make(carried), out, { dies: 10 });
    // As killed after the noise of step 8 was written, and before its state was.
    rmSync(state);
    cpSync(previousState, state);
    expect(readSafetensors(state).metadata.step).toBe("4");
    expect([noise, previousNoise].map((file) => readSafetensors(file).metadata.step)).toEqual(["8", "4"]);
    const { sizes } = await live(make(carried), out, { resume: true });
    expect(sizes).toHaveLength(20);
  });

  it("is refused without it, with another's, or with one that is damaged, each by name", async () => {
    const out = folder();
    const { noise, previousNoise } = runPaths(out);
    const config = make(carried);
    await live(config, out, { dies: 6 });
    const whole = readFileSync(noise);
    const resume = () => new Trainer({ config, train: tinyData(205), out, resume: true }).run();
    rmSync(noise);
    rmSync(previousNoise, { force: true });
    await expect(resume()).rejects.toThrow(/noise\.secret\.safetensors is missing, or belongs to another checkpoint/);
    const other = folder();
    await live(config, other, { dies: 6 });
    cpSync(runPaths(other).noise, noise);
    await expect(resume()).rejects.toThrow(/belongs to another checkpoint than .*state\.safetensors \(step 4\)/);
    const damaged = Uint8Array.from(whole);
    damaged[damaged.length - 9] = (damaged.at(-9) as number) ^ 1;
    writeFileSync(noise, damaged);
    await expect(resume()).rejects.toThrow(/noise\.secret\.safetensors: is damaged/);
    writeFileSync(noise, whole);
    chmodSync(noise, 0o600);
    expect((await resume()).stopped).toBe("finished");
  });
});

test("an audit, which looks for noise that is reused, is refused by name", () => {
  expect(() => sameMechanism(make(amplified), 200, 5, 10)).toThrow(
    /privacy.correlation: got correlated noise, which the/,
  );
});

test("the plan counts the memory of the noise", () => {
  const bytes = (settings: object) => planRun(make(settings)).parameterBytes;
  const { correlation, ...without } = carried.privacy;
  expect(bytes(carried) - bytes({ ...carried, privacy: without })).toBeGreaterThanOrEqual(5 * 4 * 172);
});

test.each([
  [
    { ...amplified, sampling: undefined },
    /privacy.correlation: got sampling poisson, by which an example may be in every/,
  ],
  [{ ...amplified, sampling: { type: "fixedSize" } }, /privacy.correlation: got sampling fixedSize/],
  [
    { ...anew, privacy: { ...anew.privacy, noise: "discrete" }, strategy: "fused" },
    /privacy: .*noise "gaussian" beside/,
  ],
  [{ ...anew, clipping: { adaptive: {} } }, /clipping: .*no adaptive thresholds beside privacy.correlation/],
  [{ ...anew, privacy: { ...anew.privacy, noiseSchedule: { type: "linear" } } }, /privacy: .*no noiseSchedule beside/],
  [{ ...anew, optimizer: { type: "dpAdamBC", learningRate: 0.1 } }, /optimizer: .*another than dpAdamBC/],
  [{ ...anew, privacy: { ...privacy, correlation: { type: "tree" } } }, /privacy.correlation.*bandMF, bisr, blt/],
  [{ ...anew, privacy: { ...privacy, correlation: { type: "bandMF" } } }, /privacy.correlation.bands/],
  [{ ...anew, privacy: { ...anew.privacy, group: { size: 3 } } }, /sampling: .*poisson with privacy.group/],
])("%# is refused by its configuration", async (settings, message) => {
  const train = async () => new Trainer({ config: make(settings), train: tinyData(200) }).run();
  await expect(train()).rejects.toThrow(message);
});
