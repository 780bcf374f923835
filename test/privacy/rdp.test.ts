import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultOrders, epsilonOfRdp, RdpAccountant } from "../../src/privacy/rdp.js";
import { rdpOfStep } from "../../src/privacy/subsampled-gaussian.js";
import { orInfinity, type Setting, table } from "./accounting-table.js";

/** Rounding of others' float64: relative and absolute. */
const NOISE = 1e-9;
const TOLERANCE = 1e-6;

function ours({ samplingRate, noiseMultiplier, steps, delta }: Omit<Setting, "dpAccounting" | "opacus">): number {
  const accountant = new RdpAccountant(table.orders);
  accountant.step({ samplingRate, noiseMultiplier }, steps);
  return accountant.epsilon(delta);
}

const name = (s: Setting) => `q ${s.samplingRate} σ ${s.noiseMultiplier} T ${s.steps} δ ${s.delta}`;

describe("RDP of one step", () => {
  it("tries dp-accounting's default orders", () => {
    expect(defaultOrders).toEqual(table.orders);
  });

  it.each(table.exact)(
    "is above the exact value, closely at whole orders: q $samplingRate σ $noiseMultiplier α $order",
    (row) => {
      const rdp = rdpOfStep(row, row.order);
      expect(rdp).toBeGreaterThanOrEqual(row.rdp);
      if (Number.isInteger(row.order)) expect(rdp).toBeLessThanOrEqual(row.rdp * (1 + 1e-10) + 1e-14 * row.order);
    },
  );

  it.each(table.curves)(
    "is dp-accounting's at every order, never Opacus' or less: q $samplingRate σ $noiseMultiplier",
    (curve) => {
      // Sums of about 1 carry absolute rounding, here and there: float64 steps, some for every term.
      const rounding = (order: number) => 3e-14 / (order - 1);
      const rows = table.orders.map((order, index) => ({
        order,
        rdp: rdpOfStep(curve, order),
        dpAccounting: orInfinity(curve.dpAccounting[index]),
        opacus: orInfinity(curve.opacus[index]),
      }));
      const wrong = rows.filter(({ order, rdp, dpAccounting, opacus }) => {
        if (dpAccounting === Number.POSITIVE_INFINITY) return rdp !== dpAccounting;
        if (rdp < dpAccounting * (1 - NOISE) || rdp > dpAccounting * (1 + TOLERANCE) + rounding(order)) return true;
        return rdp < opacus * (1 - NOISE) - rounding(order);
      });
      expect(wrong).toEqual([]);
    },
  );

  it("is nothing without sampling and everything without noise", () => {
    for (const order of [1.1, 2, 37.5, 1024]) {
      expect(rdpOfStep({ samplingRate: 0, noiseMultiplier: 1 }, order)).toBe(0);
      expect(rdpOfStep({ samplingRate: 0, noiseMultiplier: 0 }, order)).toBe(0);
      expect(rdpOfStep({ samplingRate: 0.1, noiseMultiplier: 0 }, order)).toBe(Number.POSITIVE_INFINITY);
      expect(rdpOfStep({ samplingRate: 1, noiseMultiplier: 2 }, order)).toBeCloseTo(order / 8, 12);
    }
  });

  it("stays a number over the whole range, and positive", () => {
    const exponents = fc.double({ min: -6, max: 0, noNaN: true });
    const noises = fc.double({ min: -1, max: 3, noNaN: true });
    fc.assert(
      fc.property(exponents, noises, fc.constantFrom(...defaultOrders), (logQ, logSigma, order) => {
        const rdp = rdpOfStep({ samplingRate: 10 ** logQ, noiseMultiplier: 10 ** logSigma }, order);
        expect(rdp).toBeGreaterThan(0);
      }),
    );
  });

  it("survives noise beyond any use", () => {
    for (const noiseMultiplier of [1e-300, 1e-6, 1e-3, 1e6, 1e15]) {
      for (const order of [1.1, 2, 10.9, 1024]) {
        expect(rdpOfStep({ samplingRate: 0.01, noiseMultiplier }, order)).toBeGreaterThan(0);
      }
    }
  });
});

describe("ε of the RDP accountant", () => {
  it.each(table.settings.map((setting) => [name(setting), setting] as const))(
    "is dp-accounting's: %s",
    (_, setting) => {
      const theirs = orInfinity(setting.dpAccounting.epsilon);
      const epsilon = ours(setting);
      expect(epsilon).toBeGreaterThanOrEqual(theirs - NOISE * Math.max(1, theirs));
      expect(epsilon).toBeLessThanOrEqual(theirs + TOLERANCE * Math.max(1, theirs));
    },
  );

  // Opacus differs from dp-accounting in three ways, and from us alike:
  // 1. at fractional orders it adds the series' terms with their signs, we their absolute values: ε is above there,
  //    the more the smaller the best order; orders that have not converged after 1000 terms are left out here;
  // 2. it lacks the bound by total variation, which gives ε = 0 where δ² ≥ 1 − e^(−RDP);
  // 3. its ε may be negative.
  it.each(table.settings.map((setting) => [name(setting), setting] as const))(
    "agrees with Opacus: %s",
    (_, setting) => {
      const theirs = orInfinity(setting.opacus.epsilon);
      const epsilon = ours(setting);
      if (epsilon === 0) return expect(orInfinity(setting.dpAccounting.epsilon)).toBe(0);
      expect(epsilon).toBeGreaterThanOrEqual(theirs - NOISE * Math.max(1, theirs));
      if (!Number.isInteger(setting.dpAccounting.order) || !Number.isInteger(setting.opacus.order)) return undefined;
      return expect(epsilon).toBeLessThanOrEqual(theirs + TOLERANCE * Math.max(1, theirs));
    },
  );

  it("has enough settings where neither difference applies", () => {
    const plain = table.settings.filter((s) => s.dpAccounting.epsilon !== 0 && Number.isInteger(s.opacus.order));
    expect(table.settings.length).toBeGreaterThanOrEqual(200);
    expect(plain.length).toBeGreaterThanOrEqual(80);
  });
});

describe("composition", () => {
  const rates = fc.double({ min: 1e-4, max: 1, noNaN: true });
  const noises = fc.double({ min: 0.4, max: 30, noNaN: true });
  const counts = fc.integer({ min: 1, max: 1_000_000 });
  const mechanisms = fc.record({ samplingRate: rates, noiseMultiplier: noises });
  const delta = 1e-5;
  const atMost = (value: number, bound: number) => expect(value).toBeLessThanOrEqual(bound * (1 + NOISE) + NOISE);
  const few = { numRuns: 30, endOnFailure: true };

  const factors = fc.double({ min: 1, max: 3, noNaN: true });

  /** Larger by `factor` in one direction each: T, 1/q, σ. */
  function expectMonotone(epsilonOf: (q: number, sigma: number, steps: number) => number): fc.IProperty<unknown> {
    return fc.property(rates, noises, counts, factors, (q, sigma, steps, factor) => {
      const epsilon = epsilonOf(q, sigma, steps);
      // Beyond, the best order may be one that dp-accounting's limit of 1000 terms leaves out at some q and not at others.
      fc.pre(epsilon < 100);
      atMost(epsilon, epsilonOf(q, sigma, Math.round(steps * factor)));
      atMost(epsilonOf(q / factor, sigma, steps), epsilon);
      atMost(epsilonOf(q, sigma * factor, steps), epsilon);
    });
  }

  it("ε grows with steps and sampling rate and falls with noise", () => {
    fc.assert(
      expectMonotone((samplingRate, noiseMultiplier, steps) => ours({ samplingRate, noiseMultiplier, steps, delta })),
      few,
    );
  });

  it("does not depend on how steps are handed in", () => {
    fc.assert(
      fc.property(mechanisms, mechanisms, counts, counts, counts, (a, b, first, second, third) => {
        const inPieces = new RdpAccountant();
        inPieces.step(a, first);
        inPieces.step(b, second);
        inPieces.step(a, third);
        const atOnce = new RdpAccountant();
        atOnce.step(a, first + third);
        expect(inPieces.epsilon(delta)).toBe(atOnce.epsilonAfter(b, second, delta));
        expect(inPieces.steps().reduce((sum, row) => sum + row.steps, 0)).toBe(first + second + third);
      }),
      few,
    );
  });

  it("adds RDP over different mechanisms", () => {
    const mechanism = [
      { samplingRate: 0.01, noiseMultiplier: 1, steps: 100 },
      { samplingRate: 0.02, noiseMultiplier: 2, steps: 50 },
    ] as const;
    const accountant = new RdpAccountant([8]);
    let rdp = 0;
    for (const row of mechanism) {
      accountant.step(row, row.steps);
      rdp += row.steps * rdpOfStep(row, 8);
    }
    expect(accountant.report(delta)).toEqual(epsilonOfRdp([8], [rdp], delta));
  });

  it("counts steps exactly", () => {
    const accountant = new RdpAccountant();
    const mechanism = { samplingRate: 0.01, noiseMultiplier: 1 };
    for (let i = 0; i < 1000; i++) accountant.step(mechanism);
    expect(accountant.steps()).toEqual([{ ...mechanism, steps: 1000 }]);
  });

  it("starts at 0 and stays there without sampling", () => {
    const accountant = new RdpAccountant();
    expect(accountant.epsilon(delta)).toBe(0);
    accountant.step({ samplingRate: 0, noiseMultiplier: 0 }, 10);
    expect(accountant.epsilon(delta)).toBe(0);
    accountant.step({ samplingRate: 0.5, noiseMultiplier: 0 });
    expect(accountant.report(delta)).toEqual({ epsilon: Number.POSITIVE_INFINITY });
  });
});

describe("refusals", () => {
  const accountant = new RdpAccountant();
  it.each([
    [{ samplingRate: 1.5, noiseMultiplier: 1 }, 1, "samplingRate must be a number in [0, 1], got 1.5"],
    [{ samplingRate: Number.NaN, noiseMultiplier: 1 }, 1, "samplingRate must be a number in [0, 1], got NaN"],
    [
      { samplingRate: 0.5, noiseMultiplier: -1 },
      1,
      "noiseMultiplier must be a number in [0, 1000000000000000], got -1",
    ],
    [{ samplingRate: 0.5, noiseMultiplier: 1 }, 1.5, "steps must be an integer ≥ 0, got 1.5"],
    [{ samplingRate: 0.5, noiseMultiplier: 1 }, -1, "steps must be an integer ≥ 0, got -1"],
  ])("%j × %d", (mechanism, count, message) => {
    expect(() => accountant.step(mechanism, count)).toThrow(message);
    expect(() => accountant.epsilonAfter(mechanism, count, 1e-5)).toThrow(message);
  });

  it.each([0, 1, -1, Number.NaN])("delta %d", (delta) => {
    expect(() => accountant.epsilon(delta)).toThrow(`delta must be a number in (0, 1), got ${delta}`);
  });

  it("a misspelt relation, which would count as one that costs less", () => {
    const misspelt = { samplingRate: 0.1, noiseMultiplier: 1, Relation: "replace-one" };
    expect(() => accountant.step(misspelt)).toThrow('mechanism: got the unknown key "Relation"');
    expect(() => accountant.epsilonAfter(misspelt, 3, 1e-5)).toThrow('got the unknown key "Relation"');
  });

  it("orders", () => {
    expect(() => new RdpAccountant([])).toThrow("orders");
    expect(() => new RdpAccountant([1])).toThrow("order must be a number > 1, got 1");
  });
});
