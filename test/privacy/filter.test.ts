/** Filters: the budget holds whatever is chosen, and little of it is wasted. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PrivacyFilter } from "../../src/privacy/filter.js";
import type { MechanismSteps } from "../../src/privacy/mechanism.js";
import { PrvAccountant } from "../../src/privacy/prv.js";
import { defaultOrders, epsilonOfRdp, RdpAccountant } from "../../src/privacy/rdp.js";

const step = { samplingRate: 0.01, noiseMultiplier: 1 };

/** How many steps a filter lets through. */
function most(filter: PrivacyFilter, mechanism = step): number {
  let steps = 0;
  while (filter.spend(mechanism, 10)) steps += 10;
  return steps;
}

describe("a privacy filter", () => {
  it("never lets through what composition, which knows the steps beforehand, proves to be more", () => {
    const rows = fc.array(
      fc.record({
        samplingRate: fc.constantFrom(0.001, 0.01, 0.1, 1),
        noiseMultiplier: fc.constantFrom(0.7, 1, 2, 8),
        steps: fc.integer({ min: 1, max: 200 }),
        relation: fc.constantFrom(undefined, "replace-one" as const),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(rows, fc.constantFrom(0.5, 2, 8), fc.constantFrom(1e-5, 1e-8), (asked, epsilon, delta) => {
        const filter = new PrivacyFilter({ epsilon, delta });
        const taken: MechanismSteps[] = asked.filter((row) => filter.spend(row, row.steps));
        expect(new RdpAccountant().epsilonWith(taken, delta)).toBeLessThanOrEqual(epsilon);
      }),
      { numRuns: 40 },
    );
  });

  it("pays for not knowing: fewer steps than planned ones, by less than a fifth of ε", () => {
    for (const [epsilon, delta] of [
      [2, 1e-5],
      [8, 1e-6],
    ] as const) {
      const steps = most(new PrivacyFilter({ epsilon, delta }));
      const planned = new RdpAccountant().epsilonAfter(step, steps, delta);
      expect(planned).toBeLessThanOrEqual(epsilon);
      expect(planned).toBeGreaterThan(0.8 * epsilon);
      expect(new PrvAccountant().epsilonAfter(step, steps, delta)).toBeLessThan(planned);
    }
  });

  it("of one order is that order's budget, to a step", () => {
    const [order, epsilon, delta] = [8, 2, 1e-5];
    const steps = most(new PrivacyFilter({ epsilon, delta, orders: [order] }));
    const index = defaultOrders.indexOf(order);
    const at = (count: number) => {
      const accountant = new RdpAccountant();
      accountant.step(step, count);
      return epsilonOfRdp([order], [accountant.divergences()[index] as number], delta).epsilon;
    };
    expect(at(steps)).toBeLessThanOrEqual(epsilon);
    expect(at(steps + 10)).toBeGreaterThan(epsilon);
  });

  it("spends nothing on what it refuses, and allows what it says", () => {
    const filter = new PrivacyFilter({ epsilon: 1, delta: 1e-5 });
    const noisy = { samplingRate: 0.01, noiseMultiplier: 8 };
    expect(filter.allows({ samplingRate: 1, noiseMultiplier: 0.1 })).toBe(false);
    expect(filter.spend({ samplingRate: 1, noiseMultiplier: 0.1 })).toBe(false);
    expect(filter.spend(step, 1e9)).toBe(false);
    const alone = most(new PrivacyFilter({ epsilon: 1, delta: 1e-5 }));
    expect(most(filter)).toBe(alone);
    expect(filter.spend(step, 0)).toBe(true);
    expect(filter.allows(noisy)).toBe(true);
    expect(filter.spend(noisy)).toBe(true);
  });

  it("refuses keys that it would ignore", () => {
    const filter = new PrivacyFilter({ epsilon: 2, delta: 1e-5 });
    const wrong = /^mechanism: got the unknown key/;
    expect(() => filter.spend({ ...step, relations: "replace-one" } as never)).toThrow(wrong);
    expect(() => new PrivacyFilter({ epsilon: 2, delta: 1e-5, order: [2] } as never)).toThrow(
      /^options: got the unknown/,
    );
  });

  it("names what is out of range", () => {
    expect(() => new PrivacyFilter({ epsilon: 0, delta: 1e-5 })).toThrow("epsilon must be a number > 0, got 0");
    expect(() => new PrivacyFilter({ epsilon: 1, delta: 1 })).toThrow("delta must be a number in (0, 1), got 1");
    expect(() => new PrivacyFilter({ epsilon: 1, delta: 0.1, orders: [] })).toThrow("at least one order");
    const filter = new PrivacyFilter({ epsilon: 1, delta: 1e-5 });
    expect(() => filter.spend({ samplingRate: 2, noiseMultiplier: 1 })).toThrow("samplingRate must be");
    expect(() => filter.spend(step, 1.5)).toThrow("count must be an integer");
    expect(() => filter.spend({ ...step, failure: 0.1 })).toThrow("failure must be 0");
    expect(filter.spend({ samplingRate: 0.1, noiseMultiplier: 0 })).toBe(false);
  });
});
