/** Every setting that changes what a step adds or clips: the noise is still found to be what is claimed. */
import { describe, expect, it } from "vitest";
import { type AuditOptions, audit } from "../../src/audit/index.js";
import { parseConfig } from "../../src/training/config.js";
import { tinyConfig, tinyData, tinyModel } from "../training/tiny.js";
import { auditTiny } from "./audits.js";

const [flatten, first, ...rest] = tinyModel.layers;
const settings: Record<string, Record<string, unknown>> = {
  dropout: { model: { ...tinyModel, layers: [flatten, first, { type: "dropout", rate: 0.5 }, ...rest] } },
  "Poisson samples": { samplingRate: 0.2 },
  sparsification: { sparsification: { rate: 0.5, cooling: "constant" } },
  "structured sparsification": { sparsification: { rate: 0.5, cooling: "constant", structured: "rows" } },
  "adaptive thresholds": { clipping: { threshold: 1, adaptive: { countNoise: 5 } } },
  "a threshold for each parameter": { clipping: { threshold: 1, style: "per-parameter" } },
  "a schedule of thresholds": { clipping: { threshold: 1, schedule: { type: "linear", final: 0.1 } } },
  "a schedule of noise": {
    privacy: { noiseMultiplier: 2, delta: 1e-5, noiseSchedule: { type: "linear", final: 0.5 } },
  },
  AUTO: { clipping: { threshold: 1, function: "autoS" } },
  "global clipping": { clipping: { threshold: 1, function: "global", Z: 4 } },
  weights: { clipping: { threshold: 1, maxWeight: 3 } },
  "momentum, compression and a schedule": {
    optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
    compression: { type: "topK", keep: 0.1 },
    schedule: { type: "cosine", final: 0.05 },
  },
  "augmented pictures": {
    data: { format: "idx", train: { images: "images", labels: "labels" }, augmentation: { flip: true } },
  },
  "discrete noise": { strategy: "fused", privacy: { noiseMultiplier: 2, delta: 1e-5, noise: "discrete" } },
  "adaptive thresholds beside discrete noise": {
    strategy: "fused",
    clipping: { threshold: 1, adaptive: { countNoise: 5 } },
    privacy: { noiseMultiplier: 2, delta: 1e-5, noise: "discrete" },
  },
  "replacing a record": { privacy: { noiseMultiplier: 2, delta: 1e-5, relation: "replace-one" } },
  "a target ε": { privacy: { epsilon: 3, delta: 1e-5 } },
};

it.each(Object.keys(settings))("%s", async (name) => {
  const report = await auditTiny("white-box", settings[name], { runs: 40, confidence: 0.99 });
  expect(report.violations).toEqual([]);
  expect(Math.abs((report.noise?.deviation ?? 0) - 1)).toBeLessThan(0.03);
  expect(Math.abs(report.noise?.correlation ?? 1)).toBeLessThan(0.06);
  expect(report.share).toBeGreaterThan(0.5);
  expect(report.share).toBeLessThan(1.0001);
});

describe("what cannot be audited", () => {
  it.each([
    [{ runs: 7 }, "runs must be an integer in [8, 10000000], got 7"],
    [{ runs: 11 }, "runs must be even, half with the canary and half without, got 11"],
    [{ canaries: 1 }, "canaries must be an integer in [8, 1000000], got 1"],
    [{ confidence: 1 }, "confidence must be a number in (0.5, 1), got 1"],
    [{ steps: 0 }, "steps must be an integer ≥ 1, got 0"],
    [{ seed: -1 }, "seed must be an integer ≥ 0, got -1"],
    [{ train: tinyData(0) }, "train: got no examples"],
  ] satisfies [Partial<AuditOptions>, string][])("is with option %#", async (options, message) => {
    await expect(auditTiny("white-box", {}, options)).rejects.toThrow(message);
  });

  it("is a run that claims nothing", async () => {
    const { privacy, ...rest } = { ...tinyConfig(), privacy: undefined };
    const config = parseConfig({ ...JSON.parse(JSON.stringify(rest)), strategy: "none" });
    await expect(audit("white-box", { config, train: tinyData(20) })).rejects.toThrow(
      "privacy: this run claims none, so there is nothing to audit",
    );
  });

  it("ends where it is asked to", async () => {
    const controller = new AbortController();
    const done: number[] = [];
    const onProgress = (share: number) => {
      done.push(share);
      if (done.length === 3) controller.abort(new Error("enough"));
    };
    await expect(auditTiny("white-box", {}, { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect(done).toEqual([1 / 80, 2 / 80, 3 / 80]);
  });

  it("repeats with a seed", async () => {
    const [one, other] = await Promise.all([1, 1].map((seed) => auditTiny("white-box", {}, { runs: 8, seed })));
    expect({ ...one, seconds: 0 }).toEqual({ ...other, seconds: 0 });
  });
});
