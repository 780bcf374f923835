/** Masks that are given instead of drawn: by the caller, and by gradients of public examples in runs. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { dpAdamBC, sgd } from "../../src/optimizers/index.js";
import type { TrainingConfig } from "../../src/training/config.js";
import { loadPublicData } from "../../src/training/data-config.js";
import type { GivenMask } from "../../src/training/given-mask.js";
import { InformedMask } from "../../src/training/informed-mask.js";
import { readMetrics } from "../../src/training/metrics.js";
import { buildModel } from "../../src/training/model-config.js";
import { makeSession as configuredSession } from "../../src/training/prepare.js";
import type { Session } from "../../src/training/session.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { type Changes, flat, makeBatch, makeSession } from "./sessions.js";
import { runTiny, temporaryFolder, tinyConfig, tinyData } from "./tiny.js";

const empty = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };
const sparse: Changes = { sparsification: { rate: 0.5 } };

/** Keeps every `every`-th coordinate of each parameter. */
function stripes(session: Session, every: number, more: Partial<GivenMask> = {}): GivenMask {
  const kept = Object.entries(session.parameters()).map(([name, { data }]) => [
    name,
    Uint8Array.from(data, (_, i) => (i % every === 0 ? 1 : 0)),
  ]);
  return { kept: Object.fromEntries(kept), from: "public", ...more };
}

const bits = (mask: GivenMask | undefined) => Object.values(mask?.kept ?? {}).flatMap((part) => [...part]);

describe("a session", () => {
  it("adds noise to what is kept, and none to the rest", async () => {
    const privacy = { noiseMultiplier: 3, expectedBatchSize: 8 };
    const clipping = { function: "abadi", style: "flat", threshold: 2 } as const;
    using session = makeSession([300, 100, 3], { ...sparse, privacy, clipping, optimizer: sgd({ learningRate: 1 }) });
    const mask = stripes(session, 3);
    session.setMask(mask);
    const before = flat(session.parameters());
    await session.step(empty);
    const moves = flat(session.parameters()).map((value, i) => value - (before[i] as number));
    expect(moves.map((move) => (move === 0 ? 0 : 1))).toEqual(bits(mask));
    const kept = moves.filter((move) => move !== 0);
    const square = kept.reduce((sum, move) => sum + move * move, 0) / kept.length;
    expect(Math.abs(square / ((3 * 2) / 8) ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / kept.length));
  });

  it("keeps a copy, until coordinates are drawn again", async () => {
    using session = makeSession([6, 30, 3], sparse);
    const batch = makeBatch(8, 6, 3);
    const dropped = async () => flat((await session.clippedSum(batch)).sums).map((x) => x === 0);
    const drawn = await dropped();
    const mask = stripes(session, 2, { refresh: 7 });
    session.setMask(mask);
    const given = bits(mask);
    for (const part of Object.values(mask.kept)) part.fill(1);
    expect((await dropped()).every((is, i) => is || given[i] === 1)).toBe(true);
    expect(bits(session.givenMask)).toEqual(given);
    for (const part of Object.values(session.givenMask?.kept ?? {})) part.fill(0); // a copy
    expect(bits(session.givenMask)).toEqual(given);
    expect(session.sparsification).toMatchObject({ refresh: 7 });
    session.setSparsification({ refresh: 0, rate: 0.5 });
    expect(session.givenMask).toBeUndefined();
    expect(await dropped()).toEqual(drawn);
  });

  it("tells DP-AdamBC which coordinates had noise", async () => {
    using session = makeSession([6, 30, 3], {
      ...sparse,
      optimizer: dpAdamBC({ learningRate: 0.01 }),
      privacy: { noiseMultiplier: 2, expectedBatchSize: 8 },
    });
    const mask = stripes(session, 5);
    session.setMask(mask);
    await session.step(empty);
    const variances = flat(session.optimizerState().slots[2] ?? {});
    expect(variances.map((variance) => (variance === 0 ? 0 : 1))).toEqual(bits(mask));
  });

  it("refuses masks from private data unless it is not private itself, with the reason", () => {
    using session = makeSession([6, 3], { ...sparse, seed: null });
    const reason = "coordinates chosen by private data tell about it, and ε does not cover that";
    expect(() => session.setMask(stripes(session, 2, { from: "private" }))).toThrow(reason);
    const undeclared = { kept: stripes(session, 2).kept } as unknown as GivenMask;
    expect(() => session.setMask(undeclared)).toThrow('from: got nothing, expected "public": say that');
    expect(session.givenMask).toBeUndefined();
    using seeded = makeSession([6, 3], sparse);
    seeded.setMask(stripes(seeded, 2, { from: "private" }));
    using bare = makeSession([6, 3], { ...sparse, seed: null, strategy: "none" });
    bare.setMask(stripes(bare, 2, { from: "private" }));
    expect([seeded.givenMask?.from, bare.givenMask?.from]).toEqual(["private", "private"]);
  });

  it("refuses masks that do not fit", () => {
    using session = makeSession([6, 3], sparse);
    const mask = stripes(session, 2);
    const kept = (changes: Record<string, unknown>) => ({ ...mask, kept: { ...mask.kept, ...changes } }) as GivenMask;
    for (const [wrong, message] of [
      [kept({ "0.bias": new Uint8Array(2) }), "kept: '0.bias': got Uint8Array of 2, expected Uint8Array of 3"],
      [kept({ "0.bias": undefined }), "kept: '0.bias': got nothing, expected Uint8Array of 3"],
      [kept({ "0.bias": [1, 1, 1] }), "kept: '0.bias': got an array of 3, expected Uint8Array of 3"],
      [kept({ other: new Uint8Array(1) }), "kept: 'other' is no trainable parameter"],
      [kept({ "0.bias": new Uint8Array(3), "0.weight": new Uint8Array(18) }), "kept: nothing; expected a coordinate"],
      [{ ...mask, refresh: -1 }, "refresh must be an integer"],
      [null, "got null, expected {kept"],
    ] as const) {
      expect(() => session.setMask(wrong as GivenMask)).toThrow(message);
    }
    expect(session.givenMask).toBeUndefined();
    using plain = makeSession([6, 3]);
    expect(() => plain.setMask(mask)).toThrow("without the option sparsification");
    using structured = makeSession([6, 3], { sparsification: { rate: 0.5, structured: "rows" } });
    expect(() => structured.setMask(mask)).toThrow("or with structured");
  });
});

const publicData = { format: "idx", train: { images: "public-images", labels: "public-labels" } };
const config = (changes: Record<string, unknown> = {}): TrainingConfig =>
  tinyConfig({
    sparsification: { rate: 0.8, refreshesPerEpoch: 2, cooling: "constant", source: { public: publicData } },
    seed: 5,
    ...changes,
  });
const shown = tinyData(50);

describe("public gradients", () => {
  it("choose the coordinates of the largest mean gradient", async () => {
    const settings = config();
    const model = buildModel(settings);
    using session = configuredSession(settings, model, planTraining(settings, 200));
    using bare = configuredSession(tinyConfig({ strategy: "none", privacy: undefined }), model);
    bare.loadParameters(session.parameters());
    const [inputs, targets] = [new Float32Array(20 * 16), new Int32Array(20)];
    shown.read(
      Array.from({ length: 20 }, (_, i) => i),
      inputs,
      targets,
    );
    const { gradients } = await bare.perExampleGradients({ inputs, targets, size: 20 });
    const means = Object.values(gradients).flatMap(({ data }) => {
      const elements = data.length / 20;
      const mean = (i: number) => Array.from({ length: 20 }, (_, b) => data[b * elements + i] as number);
      return Array.from({ length: elements }, (_, i) => Math.abs(mean(i).reduce((sum, g) => sum + g, 0) / 20));
    });
    const informed = new InformedMask(settings, model, shown, "public", 20);
    await informed.refresh(session, { refresh: 3, rate: 0.8 });
    informed.dispose();
    const kept = bits(session.givenMask);
    expect(kept.filter((keeps) => keeps === 1)).toHaveLength(kept.length - Math.floor(0.8 * kept.length));
    const least = Math.min(...means.filter((_, i) => kept[i] === 1));
    const most = Math.max(...means.filter((_, i) => kept[i] === 0));
    expect(least).toBeGreaterThan(most * (1 - 1e-5));
    expect(session.sparsification?.refresh).toBe(3);
  });
});

describe("a run", () => {
  const files = () => join(temporaryFolder(), "run");
  const model = (out: string) => readFileSync(join(out, "checkpoint.safetensors"));
  const mask = (out: string) =>
    [...readSafetensors(join(out, "state.safetensors")).tensors].filter(([name]) => name.startsWith("mask."));

  it("goes on with the same coordinates after an interruption: to the bit, within a refresh too", async () => {
    const [whole, parts] = [files(), files()];
    await runTiny(config(), whole, { shown });
    await runTiny(config(), parts, { shown, stopAfter: 13 });
    const before = mask(parts);
    await runTiny(config(), parts, { shown, resume: true });
    expect(before).toHaveLength(4);
    expect(model(parts).equals(model(whole))).toBe(true);
  });

  it("refreshes by the present model, at the rate of the schedule", async () => {
    const out = files();
    const sparsification = { rate: 0.8, refreshesPerEpoch: 2, source: { public: publicData, examples: 7 } };
    await runTiny(config({ sparsification }), out, { shown, stopAfter: 12 });
    const first = mask(out);
    await runTiny(config({ sparsification }), out, { shown, resume: true });
    const rates = readMetrics(join(out, "metrics.csv")).map((row) => row.sparsificationRate);
    for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo((0.8 * Math.floor(step / 5)) / 5, 6);
    const last = mask(out);
    const dropped = (of: typeof last) => of.flatMap(([, { values }]) => [...values]).filter((keeps) => keeps === 0);
    const coordinates = last.flatMap(([, { values }]) => [...values]).length;
    expect(dropped(first)).toHaveLength(Math.floor(0.32 * coordinates));
    expect(dropped(last)).toHaveLength(Math.floor(0.8 * coordinates));
  });

  it("spends the ε of the run that drops nothing, and states the public data", async () => {
    const out = files();
    const { epsilon } = await runTiny(config({ seed: undefined }), out, { shown });
    const plain = await runTiny(config({ seed: undefined, sparsification: undefined }), files());
    expect(epsilon).toBe(plain.epsilon);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.private).toBe(true);
    expect(statement.publicData).toEqual([expect.stringMatching(/^all training examples of .*public-images.* choose/)]);
    expect(statement.sparsification.mask).toMatch(/^public: chosen by gradients of public examples/);
  });

  it("chooses by the training data itself only where it is not private, and says so", async () => {
    const sparsification = { rate: 0.5, source: { training: true } };
    expect(() => config({ sparsification, seed: undefined })).toThrow(
      /sparsification: .*source\.training only in runs that are not private.*tell about it, and epsilon does not/,
    );
    const out = files();
    await runTiny(config({ sparsification }), out);
    const statement = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8"));
    expect(statement.notPrivateBecause).toEqual([
      "coordinates chosen by gradients of the training data: not private",
      "seeded: not private",
    ]);
    const bare = config({ sparsification, seed: undefined, strategy: "none", privacy: undefined });
    expect((await runTiny(bare, files())).stopped).toBe("finished");
  });

  it("refuses training data that is called public", async () => {
    const data = { format: "idx", train: { images: "images", labels: "labels" } };
    const folder = temporaryFolder();
    mkdirSync(join(folder, "data"));
    for (const name of ["images", "labels"]) writeFileSync(join(folder, "data", name), "");
    symlinkSync(join(folder, "data"), join(folder, "link"));
    for (const place of ["data", "./other/../data", join(folder, "data"), "link"]) {
      const named = { ...data, train: { images: `${place}/images`, labels: `${place}/labels` } };
      const own = config({ sparsification: { rate: 0.5, source: { public: named } }, seed: undefined });
      const privateData = { ...data, train: { images: "data/images", labels: "data/labels" } };
      await expect(loadPublicData({ ...own, data: privateData } as typeof own, folder)).rejects.toThrow(
        /^sparsification\.source\.public: got the training examples/,
      );
    }
    const train = tinyData(200);
    const trainer = new Trainer({ config: config(), train, public: train });
    await expect(trainer.run()).rejects.toThrow("public: got the training data");
  });

  it("refuses to start without the public examples", async () => {
    await expect(runTiny(config(), files())).rejects.toThrow("sparsification.source.public: no public examples");
  });

  it.each([
    [{ source: {} }, /sparsification\.source\.public: .*data whose training part is public/],
    [{ source: { public: publicData, training: true } }, /sparsification\.source\.public/],
    [{ source: { public: { format: "png" } } }, /sparsification\.source\.public/],
    [{ source: { public: publicData }, structured: "rows" }, /sparsification\.structured: .*single coordinates alone/],
    [{ source: { public: publicData, examples: 0 } }, /sparsification\.source\.examples: got 0/],
  ])("refuses the configuration %j", (changes, message) => {
    expect(() => config({ sparsification: { rate: 0.5, ...changes } })).toThrow(message);
  });
});
