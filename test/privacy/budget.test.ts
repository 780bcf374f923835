import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { BudgetExceededError, PrivacyBudget } from "../../src/privacy/budget.js";
import { calibrateNoise } from "../../src/privacy/calibrate.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

const mechanism = { samplingRate: 0.01, noiseMultiplier: 1 };
const delta = 1e-5;

describe("a budget", () => {
  it("affords as many steps as stay within it, and not one more", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 8, noNaN: true }), fc.integer({ min: 0, max: 500 }), (epsilon, before) => {
        const accountant = new RdpAccountant();
        accountant.step({ samplingRate: 0.001, noiseMultiplier: 2 }, before);
        const steps = new PrivacyBudget(accountant, epsilon, delta).remainingSteps(mechanism);
        if (steps > 0) expect(accountant.epsilonAfter(mechanism, steps, delta)).toBeLessThanOrEqual(epsilon);
        expect(accountant.epsilonAfter(mechanism, steps + 1, delta)).toBeGreaterThan(epsilon);
      }),
      { numRuns: 30 },
    );
  });

  it("refuses the step that would exceed it, and records nothing then", () => {
    const accountant = new RdpAccountant();
    const budget = new PrivacyBudget(accountant, 2, delta);
    let taken = 0;
    while (budget.allows(mechanism)) {
      budget.take(mechanism);
      taken++;
    }
    expect(taken).toBeGreaterThan(10);
    const spent = budget.spentEpsilon();
    expect(() => budget.take(mechanism)).toThrow(BudgetExceededError);
    expect(() => budget.take(mechanism)).toThrow(/would exceed the budget epsilon 2 at delta 0.00001/);
    expect(budget.spentEpsilon()).toBe(spent);
    expect(spent).toBeLessThanOrEqual(2);
    expect(accountant.steps()).toEqual([{ ...mechanism, steps: taken }]);
    expect(accountant.epsilonAfter(mechanism, 1, delta)).toBeGreaterThan(2);
  });

  it("affords what was calibrated for it", () => {
    const target = { samplingRate: 0.01, steps: 777, epsilon: 2, delta };
    const noiseMultiplier = calibrateNoise(target);
    const mechanism = { samplingRate: 0.01, noiseMultiplier };
    const affordable = new PrivacyBudget(makeAccountant(), target.epsilon, delta).remainingSteps(mechanism);
    expect(affordable).toBeGreaterThanOrEqual(777);
    expect(affordable).toBeLessThan(790);
    // What was calibrated for the tighter bound is more than the looser one allows: one accountant for both.
    expect(new PrivacyBudget(new RdpAccountant(), target.epsilon, delta).allows(mechanism, 777)).toBe(false);
  });

  it("counts another mechanism's steps", () => {
    const budget = new PrivacyBudget(new RdpAccountant(), 2, delta);
    const other = { samplingRate: 0.02, noiseMultiplier: 1.5 };
    const before = budget.remainingSteps(mechanism);
    budget.take(other, 100);
    const after = budget.remainingSteps(mechanism);
    expect(after).toBeLessThan(before);
    budget.take(mechanism, after);
    expect(budget.allows(mechanism)).toBe(false);
    expect(budget.spentEpsilon()).toBeLessThanOrEqual(2);
  });

  it("asks the accountant once for a million equal steps", () => {
    const accountant = new RdpAccountant();
    let asked = 0;
    const counting = Object.assign(Object.create(accountant) as RdpAccountant, {
      epsilonAfter: (...args: Parameters<RdpAccountant["epsilonAfter"]>) => {
        asked++;
        return accountant.epsilonAfter(...args);
      },
    });
    const cheap = { samplingRate: 1e-5, noiseMultiplier: 2 };
    const budget = new PrivacyBudget(counting, 1, delta);
    for (let step = 0; step < 1_000_000; step++) budget.take(cheap);
    expect(asked).toBeLessThan(200);
    expect(accountant.steps()).toEqual([{ ...cheap, steps: 1_000_000 }]);
  });

  it("is not spent by steps that touch nothing", () => {
    const budget = new PrivacyBudget(new RdpAccountant(), 1, delta);
    expect(budget.remainingSteps({ samplingRate: 0, noiseMultiplier: 0 })).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("allows nothing without noise", () => {
    const budget = new PrivacyBudget(new RdpAccountant(), 1, delta);
    expect(budget.allows({ samplingRate: 0.01, noiseMultiplier: 0 })).toBe(false);
  });

  it("refuses wrong targets and accountants that may under-report", () => {
    expect(() => new PrivacyBudget(new RdpAccountant(), 0, delta)).toThrow("epsilon must be a number > 0, got 0");
    expect(() => new PrivacyBudget(new RdpAccountant(), 1, 1)).toThrow("delta must be a number in (0, 1), got 1");
    expect(() => new PrivacyBudget(makeAccountant("gdp"), 1, delta)).toThrow("cannot guard a budget");
  });
});
