/** The issue's own measure: claimed ε = 4.38, 500 + 500 runs, through the whole product. */
import { expect, it } from "vitest";
import { auditTiny } from "./audits.js";
import { plantNoiseFactor } from "./planted.js";

it("1,000 runs show most of what is claimed, and no more", async () => {
  const report = await auditTiny("white-box", {}, { runs: 1000 });
  expect(report.violations).toEqual([]);
  expect(report.shown.gaussian?.mu).toBeGreaterThan(0.6);
  expect(report.shown.epsilon).toBeLessThanOrEqual(report.claim.epsilon);
  expect(report.most.epsilon).toBeGreaterThan(3 * report.claim.epsilon);
});

it("1,000 runs show half the noise, by the canary alone", async () => {
  plantNoiseFactor(0.5);
  const report = await auditTiny("white-box", {}, { runs: 1000 });
  expect(report.violations.join()).toContain("epsilon of the audited steps is at least");
  expect(report.shown.epsilon).toBeGreaterThan(1.3 * report.claim.epsilon);
  expect(report.shown.noiseFactor).toBeLessThan(0.8);
});

it("400 runs of Poisson samples show a third of the noise, by the canary alone", async () => {
  plantNoiseFactor(1 / 3);
  const privacy = { noiseMultiplier: 1.2, delta: 1e-5 };
  const report = await auditTiny("white-box", { samplingRate: 0.2, steps: 20, privacy }, { runs: 400 });
  expect(report.violations.join()).toContain("epsilon of the audited steps is at least");
});
