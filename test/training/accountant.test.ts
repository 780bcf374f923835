/** Which accountant a run has, what it shows on the way, and that it keeps it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import type { PrivacyStatement } from "../../src/privacy/statement.js";
import type { StepEvent, TrainingResult } from "../../src/training/events.js";
import { Trainer, type TrainerOptions } from "../../src/training/trainer.js";
import { temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const train = tinyData(200);
const delta = 1e-5;
const mechanism = { samplingRate: 0.1, noiseMultiplier: 1.5 };
const privacy = { noiseMultiplier: 1.5, delta, datasetSize: 200 };

async function run(
  settings: Record<string, unknown>,
  more: Partial<TrainerOptions> = {},
  stopAfter?: number,
): Promise<{ result: TrainingResult; steps: StepEvent[] }> {
  const trainer = new Trainer({ config: tinyConfig({ privacy: settings, seed: 1 }), train, ...more });
  const steps: StepEvent[] = [];
  const controller = new AbortController();
  trainer.on("step", (event) => {
    steps.push(event);
    if (event.step === stopAfter) controller.abort();
  });
  return { result: await trainer.run(controller.signal), steps };
}

const json = (out: string, file: string) =>
  JSON.parse(readFileSync(join(out, file), "utf8")) as Record<string, unknown>;
const statedAccountant = (out: string) => (json(out, "privacy.json") as unknown as PrivacyStatement).accountant;
const epsilonOf = (name: string, steps: number) => makeAccountant(name).epsilonAfter(mechanism, steps, delta);

describe("the accountant of a run", () => {
  it("is prv by default: stated with its lower bound, and on record", async () => {
    const out = join(temporaryFolder(), "run");
    const { result } = await run(privacy, { out });
    expect(result.epsilon).toBe(epsilonOf("prv", 30));
    expect(result.epsilon).toBeLessThan(epsilonOf("rdp", 30));
    const { name, upperBound, proof, epsilonLower, order } = statedAccountant(out);
    expect({ name, upperBound, proof, order }).toEqual({ name: "prv", upperBound: true, proof: "pld", order: null });
    expect(epsilonLower).toBeGreaterThan((result.epsilon as number) - 1e-3 * Math.max(1, result.epsilon as number));
    expect(json(out, "config.json")).toMatchObject({ privacy: { accountant: "prv" } });
  });

  it("shows on the way what is never below the steps so far, and not far above", async () => {
    const { result, steps } = await run(privacy);
    for (const { step, epsilon } of steps) {
      expect(epsilon).toBeGreaterThanOrEqual(epsilonOf("prv", step));
      expect(epsilon).toBeLessThanOrEqual(epsilonOf("rdp", step));
      expect(epsilon).toBeLessThanOrEqual(epsilonOf("prv", Math.ceil(step / 10) * 10) * 1.05);
    }
    expect(steps.at(-1)?.epsilon).toBe(result.epsilon);
  });

  it("shows no more than the budget that stops it", async () => {
    const epsilon = epsilonOf("prv", 23);
    const { result, steps } = await run({ ...privacy, epsilon });
    expect(result).toMatchObject({ stopped: "budget", step: 23, accountedSteps: 23, epsilon });
    expect(Math.max(...steps.map((event) => event.epsilon as number))).toBeLessThanOrEqual(epsilon);
  });

  it("is rdp where the configuration says so, exactly at each step", async () => {
    const out = join(temporaryFolder(), "run");
    const { steps } = await run({ ...privacy, accountant: "rdp" }, { out });
    expect(steps.map((event) => event.epsilon)).toEqual(steps.map((event) => epsilonOf("rdp", event.step)));
    expect(statedAccountant(out).name).toBe("rdp");
  });

  it("calibrates the noise", async () => {
    const target = { epsilon: 8, delta, datasetSize: 200 };
    const [prv, rdp] = await Promise.all([run(target), run({ ...target, accountant: "rdp" })]);
    expect(prv.result.plan.noiseMultiplier).toBeLessThan(rdp.result.plan.noiseMultiplier);
    for (const { result } of [prv, rdp]) {
      expect(result.stopped).toBe("finished");
      expect(result.epsilon).toBeLessThanOrEqual(8);
    }
  });

  it("must prove what it says", () => {
    expect(() => tinyConfig({ privacy: { ...privacy, accountant: "gdp" } })).toThrow(
      /privacy\.accountant: .*allowed: prv, rdp/,
    );
  });
});

describe("a run that is resumed", () => {
  it.each(["prv", "rdp"])("keeps its accountant: %s", async (accountant) => {
    const out = join(temporaryFolder(), "run");
    await run({ ...privacy, accountant }, { out }, 12);
    const { result } = await run(privacy, { out, resume: true });
    expect(result).toMatchObject({ stopped: "finished", step: 30 });
    expect(statedAccountant(out).name).toBe(accountant);
    expect(result.epsilon).toBe(epsilonOf(accountant, 30));
  });

  it("keeps rdp where it began before there was a choice", async () => {
    const out = join(temporaryFolder(), "run");
    const target = { epsilon: 8, delta, datasetSize: 200 };
    const before = await run({ ...target, accountant: "rdp" }, { out }, 12);
    const config = json(out, "config.json") as { privacy: { accountant?: string } };
    delete config.privacy.accountant;
    writeFileSync(join(out, "config.json"), JSON.stringify(config));
    const { result } = await run(target, { out, resume: true });
    expect(result.stopped).toBe("finished");
    expect(result.plan.noiseMultiplier).toBe(before.result.plan.noiseMultiplier);
    expect(statedAccountant(out).name).toBe("rdp");
  });

  it("cannot change it", async () => {
    const out = join(temporaryFolder(), "run");
    await run(privacy, { out }, 12);
    await expect(run({ ...privacy, accountant: "rdp" }, { out, resume: true })).rejects.toThrow(
      /made with another configuration/,
    );
  });
});
