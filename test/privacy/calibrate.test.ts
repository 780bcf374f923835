import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeAccountant, provenAccountants } from "../../src/privacy/accountant.js";
import { calibrateNoise, calibrateSamplingRate, calibrateSteps } from "../../src/privacy/calibrate.js";
import { PrvAccountant } from "../../src/privacy/prv.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";
import { roundUp } from "../../src/privacy/rounding.js";

const epsilonOf = (samplingRate: number, noiseMultiplier: number, steps: number, delta: number) =>
  new RdpAccountant().epsilonAfter({ samplingRate, noiseMultiplier }, steps, delta);

describe("calibration", () => {
  it("gives the smallest noise within the target", () => {
    const targets = fc.record({
      samplingRate: fc.double({ min: 1e-4, max: 1, noNaN: true }),
      steps: fc.integer({ min: 1, max: 100_000 }),
      epsilon: fc.double({ min: 0.1, max: 20, noNaN: true }),
      delta: fc.constantFrom(1e-3, 1e-5, 1e-8),
    });
    fc.assert(
      fc.property(targets, ({ samplingRate, steps, epsilon, delta }) => {
        const noise = calibrateNoise({ samplingRate, steps, epsilon, delta }, "rdp");
        expect(epsilonOf(samplingRate, noise, steps, delta)).toBeLessThanOrEqual(epsilon);
        if (noise > 1e-3) expect(epsilonOf(samplingRate, noise * (1 - 1e-4), steps, delta)).toBeGreaterThan(epsilon);
      }),
      { numRuns: 25 },
    );
  });

  it("is the inverse of accounting", () => {
    const setting = { samplingRate: 256 / 60_000, steps: 3516, delta: 1e-5 };
    for (const noise of [0.6, 1, 1.7, 20]) {
      const epsilon = epsilonOf(setting.samplingRate, noise, setting.steps, setting.delta);
      expect(calibrateNoise({ ...setting, epsilon }, "rdp") / noise).toBeCloseTo(1, 4);
    }
  });

  it("is the inverse of the default accounting, with less noise than moments need", () => {
    const setting = { samplingRate: 256 / 60_000, steps: 3516, delta: 1e-5 };
    const [prv, rdp] = provenAccountants.map((name) => calibrateNoise({ ...setting, epsilon: 2 }, name)) as [
      number,
      number,
    ];
    expect(prv).toBeLessThan(rdp * 0.97);
    const accountant = new PrvAccountant();
    const epsilon = accountant.epsilonAfter({ samplingRate: setting.samplingRate, noiseMultiplier: prv }, 3516, 1e-5);
    expect(epsilon).toBeLessThanOrEqual(2);
    expect(epsilon).toBeGreaterThan(2 - 1e-3);
    expect(calibrateNoise({ ...setting, epsilon: 2 })).toBe(prv);
  });

  it("says which ε is within reach where the target is not", () => {
    expect(() => calibrateNoise({ samplingRate: 1, steps: 1_000_000, epsilon: 1e-4, delta: 1e-12 })).toThrow(
      /epsilon 0.0001 at delta 1e-12 cannot be proven for 1000000 steps .* even noise multiplier 1048576 gives epsilon 0\.0/,
    );
  });

  it.each([
    [{ samplingRate: 0 }, "samplingRate must be a number in (0, 1], got 0"],
    [{ steps: 0 }, "steps must be an integer ≥ 1, got 0"],
    [{ epsilon: 0 }, "epsilon must be a number > 0, got 0"],
    [{ delta: 1 }, "delta must be a number in (0, 1), got 1"],
  ])("refuses %j", (wrong, message) => {
    const right = { samplingRate: 0.01, steps: 100, epsilon: 1, delta: 1e-5 };
    expect(() => calibrateNoise({ ...right, ...wrong })).toThrow(message);
  });

  it("refuses an accountant that may under-report", () => {
    const target = { samplingRate: 0.01, steps: 100, epsilon: 1, delta: 1e-5 };
    expect(() => calibrateNoise(target, "gdp")).toThrow("accountant gdp may under-report");
  });
});

describe.each(provenAccountants)("steps and sampling rate by %s", (name) => {
  const noiseMultiplier = 1.1;
  const [epsilon, delta] = [2, 1e-5];
  const epsilonAt = (samplingRate: number, steps: number) =>
    makeAccountant(name).epsilonAfter({ samplingRate, noiseMultiplier }, steps, delta);

  it("are the most that the target allows", () => {
    const steps = calibrateSteps({ samplingRate: 0.01, noiseMultiplier, epsilon, delta }, name);
    expect(epsilonAt(0.01, steps)).toBeLessThanOrEqual(epsilon);
    expect(epsilonAt(0.01, steps + 1)).toBeGreaterThan(epsilon);
    const samplingRate = calibrateSamplingRate({ steps, noiseMultiplier, epsilon, delta }, name);
    expect(epsilonAt(samplingRate, steps)).toBeLessThanOrEqual(epsilon);
    expect(samplingRate / 0.01).toBeCloseTo(1, 3);
  });

  it("may be none, or all", () => {
    expect(calibrateSteps({ samplingRate: 1, noiseMultiplier, epsilon: 0.1, delta }, name)).toBe(0);
    expect(calibrateSamplingRate({ steps: 10, noiseMultiplier: 100, epsilon, delta }, name)).toBe(1);
    expect(() => calibrateSamplingRate({ steps: 0, noiseMultiplier, epsilon, delta }, name)).toThrow("steps must be");
    expect(() => calibrateSteps({ samplingRate: 0, noiseMultiplier, epsilon, delta }, name)).toThrow(
      "samplingRate must be",
    );
  });
});

describe("rounding up", () => {
  it("never goes down, and never far up", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (value) => {
        const rounded = roundUp(value, 6);
        expect(rounded).toBeGreaterThanOrEqual(value);
        expect(rounded).toBeLessThanOrEqual(value * (1 + 1.0001e-5));
        expect(Number(rounded.toPrecision(6))).toBe(rounded);
      }),
    );
    expect(roundUp(0, 6)).toBe(0);
    expect(roundUp(0.9999999, 6)).toBe(1);
  });
});

it("refuses a misspelt relation, which would cost too little", () => {
  const target = { samplingRate: 0.1, epsilon: 2, delta: 1e-5, relations: "replace-one" };
  const wrong = /^target: got the unknown key "relations"/;
  expect(() => calibrateNoise({ ...target, steps: 10 } as never)).toThrow(wrong);
  expect(() => calibrateSteps({ ...target, noiseMultiplier: 1 } as never)).toThrow(wrong);
  expect(() => calibrateSamplingRate({ ...target, noiseMultiplier: 1, steps: 10 } as never)).toThrow();
});
