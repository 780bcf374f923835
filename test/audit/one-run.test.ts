/** Audits by one run, on records of noise with labels of chance: whoever learns them has memorised them. */
import { describe, expect, it } from "vitest";
import { type AuditMode, type AuditOptions, type AuditReport, audit } from "../../src/audit/index.js";
import { ByteDataset } from "../../src/data/memory.js";
import { RandomKeys } from "../../src/privacy/random.js";
import { tinyConfig } from "../training/tiny.js";
import { plantNoiseFactor } from "./planted.js";

const SHAPE = [1, 12, 12];
const hidden = [
  { type: "flatten" },
  { type: "linear", outFeatures: 16 },
  { type: "tanh" },
  { type: "linear", outFeatures: 4 },
];

function noiseData(size: number): ByteDataset {
  const random = new RandomKeys(3).stream("audit");
  const inputs = Uint8Array.from({ length: size * 144 }, () => random.integer(256));
  return new ByteDataset({
    inputs,
    inputShape: SHAPE,
    labels: Uint8Array.from({ length: size }, () => random.integer(4)),
  });
}

function auditNoise(
  mode: AuditMode,
  changes: Record<string, unknown>,
  options: Partial<AuditOptions> = {},
): Promise<AuditReport> {
  const config = tinyConfig({ model: { inputShape: SHAPE, layers: hidden }, samplingRate: 1, ...changes });
  return audit(mode, { config, train: noiseData(120), seed: 1, canaries: 120, ...options });
}

/** ε = 0.88 at δ = 1e-5, were it right. */
const privacy = { noiseMultiplier: 16, delta: 1e-5 };

describe("an audit with canaries in one run", () => {
  it("passes what is right", async () => {
    const report = await auditNoise("one-run", { steps: 16, privacy });
    expect(report).toMatchObject({ verdict: "consistent", runs: 1, canaries: 120, records: 120 });
    expect(report.shown.epsilon).toBeLessThanOrEqual(report.claim.epsilon);
    expect(report.most.epsilon).toBeGreaterThan(5);
    expect(report.guesses?.map(({ made }) => made)).toEqual([120, 60, 14, 2]);
    expect(report.share).toBeGreaterThan(0.9);
  });

  it("catches a twentieth of the noise", async () => {
    plantNoiseFactor(0.05);
    const report = await auditNoise("one-run", { steps: 16, privacy });
    expect(report.verdict).toBe("violation");
    expect(report.shown.epsilon).toBeGreaterThan(report.claim.epsilon);
    expect(report.shown.plain).toBeGreaterThan(0.1);
  });
});

describe("membership inference", () => {
  const changes = { steps: 300, privacy: { noiseMultiplier: 70, delta: 1e-5 } };

  it("tells nothing about what is right", async () => {
    // So sure an interval leaves ½ out by chance once in a million seeds or machines, which round differently.
    const report = await auditNoise("membership", changes, { confidence: 1 - 1e-6 });
    expect(report).toMatchObject({ verdict: "consistent", runs: 1, canaries: 60, records: 60 });
    expect(report.roc?.auc.low).toBeLessThan(0.5);
    expect(report.roc?.auc.high).toBeGreaterThan(0.5);
    expect((report.roc?.members ?? 0) + (report.roc?.others ?? 0)).toBe(60);
  });

  it("repeats with a seed", async () => {
    const short = { ...changes, steps: 20 };
    const [one, other] = await Promise.all([1, 1].map((seed) => auditNoise("membership", short, { seed })));
    expect({ ...one, seconds: 0 }).toEqual({ ...other, seconds: 0 });
  });

  it("tells members where there is no noise", async () => {
    plantNoiseFactor(0);
    const report = await auditNoise("membership", changes);
    expect(report.roc?.auc.low).toBeGreaterThan(0.8);
    expect(report.verdict).toBe("violation");
  });
});
