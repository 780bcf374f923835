/** Mistakes in the mechanism are caught, each by the runs that it takes; without them an audit passes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sgd } from "../../src/optimizers/index.js";
import { flat, makeBatch, makeSession, part } from "../training/sessions.js";
import { auditTiny } from "./audits.js";
import { plantAveraging, plantNoiseFactor, plantReusedNoise, plantSampledSize } from "./planted.js";

describe("a white-box audit", () => {
  it("passes what is right, and says what it could have shown", async () => {
    const report = await auditTiny("white-box");
    expect(report).toMatchObject({ verdict: "consistent", violations: [], runs: 80, canaries: 1, records: 8 });
    expect(report.claim).toMatchObject({ epsilon: expect.closeTo(4.377, 3), steps: 4, configuredSteps: 4 });
    expect(report.share).toBeGreaterThan(0.999);
    expect(report.shown.epsilon).toBeLessThan(report.claim.epsilon);
    expect(report.most.epsilon).toBeGreaterThan(report.claim.epsilon);
    expect(Math.abs((report.noise?.deviation ?? 0) - 1)).toBeLessThan(0.02);
  });

  it("catches half the noise, by the noise itself", async () => {
    plantNoiseFactor(0.5);
    const report = await auditTiny("white-box", {}, { runs: 20 });
    expect(report.verdict).toBe("violation");
    expect(report.violations.join()).toMatch(/the noise's deviation is 0\.(49|50)/);
  });

  it("catches averaging before clipping, by the canary", async () => {
    plantAveraging(1);
    const layers = [{ type: "flatten" }, { type: "linear", outFeatures: 8 }, { type: "relu" }];
    const model = { inputShape: [1, 4, 4], layers: [...layers, { type: "linear", outFeatures: 4 }] };
    const report = await auditTiny("white-box", { model });
    expect(report.errors).toMatchObject({ falseAlarms: 0, misses: 0 });
    expect(report.violations.join()).toContain("epsilon of the audited steps is at least");
    expect(report.shown.epsilon).toBeGreaterThan(report.claim.epsilon);
  });

  it("catches noise that comes again, by its correlation", async () => {
    plantReusedNoise(1, 9);
    const report = await auditTiny("white-box", {}, { runs: 20 });
    expect(report.violations.join()).toContain("noise of consecutive steps correlates: 1.");
  });
});

describe("the normaliser", () => {
  const WIDTHS = [6, 5, 3];
  const EXPECTED = 8;
  const whole = makeBatch(16, WIDTHS[0] as number, 3);

  /** Whether a step moves the parameters by η/(q·N) times the clipped sum, however many examples were drawn. */
  async function dividesByExpectedSize(size: number): Promise<boolean> {
    using session = makeSession(WIDTHS, {
      optimizer: sgd({ learningRate: 0.5 }),
      privacy: { noiseMultiplier: 0, expectedBatchSize: EXPECTED },
    });
    const batch = part(whole, 0, size);
    const before = flat(session.parameters());
    const sum = flat((await session.clippedSum(batch)).sums);
    await session.step(batch, { learningRate: 0.5 });
    const after = flat(session.parameters());
    return sum.every((value, i) => {
      const wanted = (0.5 * value) / EXPECTED;
      return Math.abs((before[i] as number) - (after[i] as number) - wanted) < 1e-6;
    });
  }
  const property = fc.asyncProperty(fc.integer({ min: 0, max: 16 }), async (size) => {
    expect(await dividesByExpectedSize(size)).toBe(true);
  });

  it("is the expected batch size, whatever was drawn", async () => {
    await fc.assert(property, { numRuns: 20 });
  });

  it("is seen where it is the sampled size", async () => {
    plantSampledSize(EXPECTED);
    const found = await fc.check(property, { numRuns: 20 });
    expect(found.failed).toBe(true);
  });
});
