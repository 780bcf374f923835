import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plantNoiseFactor } from "../audit/planted.js";
import { encodeIdx } from "../data/encode-idx.js";
import { temporaryFolder, tinyModel } from "../training/tiny.js";
import { inProcess } from "./command.js";

/** These audits have no seed: less sure ones would find fault with what is right now and then, and fail here. */
const SURE = "0.999999";

describe("hushgrad audit", () => {
  let folder: string;
  let config: string;
  beforeEach(() => {
    folder = temporaryFolder();
    const labels = Uint8Array.from({ length: 60 }, (_, i) => i % 4);
    const inputs = Uint8Array.from({ length: 60 * 16 }, (_, i) => (i * 37) % 251);
    writeFileSync(join(folder, "images"), encodeIdx([60, 4, 4], inputs));
    writeFileSync(join(folder, "labels"), encodeIdx([60], labels));
    config = write({});
  });
  afterEach(() => {
    process.exitCode = undefined;
  });

  function write(changes: Record<string, unknown>): string {
    const path = join(folder, "config.json");
    const written = {
      model: tinyModel,
      data: { format: "idx", train: { images: "images", labels: "labels" } },
      optimizer: { type: "sgd", learningRate: 0.5 },
      privacy: { noiseMultiplier: 2, delta: 1e-5 },
      samplingRate: 1,
      steps: 12,
      threads: 1,
      ...changes,
    };
    writeFileSync(path, JSON.stringify(written));
    return path;
  }

  it("prints a table and a verdict", async () => {
    const { code, stdout, stderr } = await inProcess([
      "audit",
      config,
      "--runs",
      "40",
      "--steps",
      "4",
      "--confidence",
      SURE,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("white-box: 40 runs, 20 with a canary and 20 without, beside 8 records");
    expect(stdout).toContain("q = 1, σ = 2, 4 steps (the configuration has 12), confidence 0.999999");
    expect(stdout).toMatch(/ε at δ = 1e-5 of +shown, at least +most it could show/);
    expect(stdout).toMatch(/claimed ε = \d\.\d+ ≥ [\d.]+ shown: consistent\n$/);
  });

  it("ends with 1 and the reasons where the claim is false", async () => {
    plantNoiseFactor(0.5);
    const out = join(folder, "audit", "of-today");
    const { code, stdout } = await inProcess(["audit", config, "--runs", "20", "--steps", "4", "--out", out]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /VIOLATION: claimed ε = [\d.]+, but\n- .*the noise's deviation is 0\.\d+ times the claimed one/s,
    );
    const written = JSON.parse(readFileSync(join(out, "audit.json"), "utf8"));
    expect(written).toMatchObject({ mode: "white-box", verdict: "violation", runs: 20, claim: { steps: 4 } });
  });

  it.each(["one-run", "membership"])("prints %s as JSON", async (mode) => {
    const args = ["audit", config, "--mode", mode, "--canaries", "30", "--steps", "3", "--confidence", SURE, "--json"];
    const { code, stdout } = await inProcess(args);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ mode, verdict: "consistent", runs: 1, canaries: 30, confidence: Number(SURE) });
    expect(report.most.epsilon).toBeGreaterThan(report.shown.epsilon);
  });

  it("repeats with a seed", async () => {
    const args = ["audit", config, "--mode", "membership", "--canaries", "8", "--steps", "3", "--json", "--seed", "7"];
    const [one, other] = [await inProcess(args), await inProcess(args)].map(({ stdout }) => JSON.parse(stdout));
    expect({ ...one, seconds: 0 }).toEqual({ ...other, seconds: 0 });
  });

  it.each([
    [["--runs", "4"], "Allowed: an integer in [8, 1000000]"],
    [["--confidence", "1"], "Allowed: a number in (0.5, 1)"],
    [["--mode", "black-box"], "Allowed choices are white-box, one-run, membership"],
  ])("refuses %j", async (flags, message) => {
    const { code, stderr } = await inProcess(["audit", config, ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it.each([
    [["--mode", "one-run", "--runs", "10"], "runs: got 10; allowed: only with mode white-box"],
    [["--canaries", "10"], "canaries: got 10; allowed: only with mode one-run or membership"],
  ])("refuses what sizes another mode: %j", async (flags, message) => {
    const { code, stderr } = await inProcess(["audit", config, ...flags]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it("refuses a run that claims nothing, and a folder that is none", async () => {
    const none = write({ privacy: undefined, strategy: "none" });
    expect((await inProcess(["audit", none])).stderr).toContain("privacy: this run claims none");
    mkdirSync(join(folder, "taken"));
    const blocked = await inProcess([
      "audit",
      write({}),
      "--runs",
      "8",
      "--steps",
      "1",
      "--out",
      join(folder, "images"),
    ]);
    expect(blocked.code).toBe(1);
    expect(blocked.stderr).toContain("there is a file of that name");
  });
});
