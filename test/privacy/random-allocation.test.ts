/** ε of random allocation, against references that share no code with it (test/fixtures/accounting/allocation.py). */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { charged } from "../../src/privacy/cycle.js";
import { totalVariation } from "../../src/privacy/discrete-gaussian.js";
import { PrivacyFilter } from "../../src/privacy/filter.js";
import { type Cells, settleAbove, settleBelow } from "../../src/privacy/lattice/lattice-settle.js";
import { type GeometricLaw, sumOf } from "../../src/privacy/lattice/lattice-sum.js";
import { cycleLaw } from "../../src/privacy/lattice/random-allocation.js";
import { checkMechanism, type MechanismSteps } from "../../src/privacy/mechanism.js";
import { PrivacyOdometer } from "../../src/privacy/odometer.js";
import { coarseGap, PrvAccountant } from "../../src/privacy/prv.js";
import { selectionEpsilon } from "../../src/privacy/selection.js";

interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

interface Reference {
  readonly bins: number;
  readonly noiseMultiplier: number;
  readonly cycles: number;
  readonly delta: number;
  readonly epsilon: number;
  /** ε in closed form; by an integral over the plane. */
  readonly gaussian?: number;
  readonly plane?: number;
  /** δ of a Laplace transform's inverse at ε, over δ. */
  readonly laplace?: number;
  readonly sampled?: Bounds;
  readonly peer?: Bounds;
}

const path = new URL("../fixtures/accounting/allocation.json", import.meta.url);
const { settings } = JSON.parse(readFileSync(path, "utf8")) as { settings: readonly Reference[] };

type Row = Pick<Reference, "bins" | "noiseMultiplier" | "cycles">;

function report(row: Row, delta: number, gap?: number): { epsilon: number; lower: number } {
  const accountant = new PrvAccountant(gap);
  accountant.step({ samplingRate: 1, noiseMultiplier: row.noiseMultiplier, bins: row.bins }, row.cycles);
  const { epsilon, lower } = accountant.report(delta);
  return { epsilon, lower: lower ?? 0 };
}

const whole = (row: Row, delta: number) =>
  makeAccountant().epsilonAfter({ samplingRate: 1, noiseMultiplier: row.noiseMultiplier }, row.cycles, delta);

/** The references' own error. */
const OFF = 2e-6;

describe("ε of random allocation", () => {
  it("is compared at 60 settings or more, over the whole range", () => {
    const range = (key: keyof Row | "delta") => [
      Math.min(...settings.map((s) => s[key])),
      Math.max(...settings.map((s) => s[key])),
    ];
    expect(settings.length).toBeGreaterThanOrEqual(60);
    expect(range("bins")).toEqual([1, 10_000]);
    expect(range("noiseMultiplier")).toEqual([0.4, 10]);
    expect(range("cycles")).toEqual([1, 100]);
    expect(range("delta")).toEqual([1e-10, 1e-3]);
  });

  it("has references that agree with each other", () => {
    const with_ = (key: "gaussian" | "plane" | "laplace" | "sampled" | "peer") =>
      settings.flatMap((s) => (s[key] === undefined ? [] : [s as Reference & Required<Pick<Reference, typeof key>>]));
    for (const { epsilon, gaussian } of with_("gaussian")) expect(gaussian).toBeCloseTo(epsilon, 5);
    for (const { epsilon, plane } of with_("plane")) expect(plane).toBeCloseTo(epsilon, 5);
    for (const { laplace } of with_("laplace")) expect(laplace).toBeCloseTo(1, 4);
    for (const { epsilon, sampled } of with_("sampled")) {
      expect(epsilon).toBeGreaterThan(sampled.lower);
      expect(epsilon).toBeLessThan(sampled.upper);
    }
    for (const { epsilon, peer } of with_("peer")) {
      expect(epsilon).toBeGreaterThanOrEqual(peer.lower - OFF);
      expect(epsilon).toBeLessThanOrEqual(peer.upper + OFF);
    }
    for (const key of ["gaussian", "plane", "laplace", "sampled", "peer"] as const)
      expect(with_(key).length, key).toBeGreaterThanOrEqual(3);
  });

  it.each(settings)("is never below: t $bins σ $noiseMultiplier, $cycles cycles, δ $delta", (row) => {
    const { epsilon, lower } = report(row, row.delta);
    expect(epsilon).toBeGreaterThanOrEqual(row.epsilon - OFF);
    expect(epsilon).toBeLessThanOrEqual(row.epsilon + 1e-3);
    expect(lower).toBeLessThanOrEqual(row.epsilon + OFF);
    expect(epsilon).toBeLessThanOrEqual(whole(row, row.delta));
    expect(report(row, row.delta, coarseGap).epsilon).toBeGreaterThanOrEqual(row.epsilon - OFF);
  });

  it("of one bin is that of the Gaussian mechanism, and so it is where an example is replaced", () => {
    const one = { bins: 1, noiseMultiplier: 2, cycles: 7 };
    expect(report(one, 1e-6).epsilon).toBe(whole(one, 1e-6));
    const replaced = { samplingRate: 1, noiseMultiplier: 4, relation: "replace-one" } as const;
    const accountant = makeAccountant();
    expect(accountant.epsilonAfter({ ...replaced, bins: 50 }, 7, 1e-6)).toBe(
      accountant.epsilonAfter(replaced, 7, 1e-6),
    );
  });

  it("lies where proved: falls with bins and noise, grows with cycles, and is never above one step on all the data", () => {
    const logs = (low: number, high: number) => fc.double({ min: low, max: high, noNaN: true }).map((x) => 10 ** x);
    const bins = logs(0, 5).map(Math.round);
    const factors = fc.double({ min: 1.1, max: 3, noNaN: true });
    fc.assert(
      fc.property(
        bins,
        logs(-0.8, 1.5),
        logs(0, 2.5).map(Math.round),
        logs(-11, -2),
        factors,
        (bins, noiseMultiplier, cycles, delta, factor) => {
          const row = { bins, noiseMultiplier, cycles };
          const { epsilon, lower } = report(row, delta, coarseGap);
          expect(lower).toBeLessThanOrEqual(epsilon);
          expect(epsilon).toBeLessThanOrEqual(whole(row, delta));
          const lowerOf = (other: Partial<Row>) => report({ ...row, ...other }, delta, coarseGap).lower;
          expect(lowerOf({ bins: Math.ceil(bins * factor) })).toBeLessThanOrEqual(epsilon);
          expect(lowerOf({ noiseMultiplier: noiseMultiplier * factor })).toBeLessThanOrEqual(epsilon);
          expect(lowerOf({ cycles: Math.max(1, Math.floor(cycles / factor)) })).toBeLessThanOrEqual(epsilon);
        },
      ),
      { numRuns: 10, endOnFailure: true },
    );
  });

  it("holds beside other steps: more than without them, less than with the data of a cycle seen whole", () => {
    const cycles: MechanismSteps = { samplingRate: 1, noiseMultiplier: 1, bins: 100, steps: 5 };
    const sampled: MechanismSteps = { samplingRate: 0.01, noiseMultiplier: 1, steps: 300 };
    const epsilonOf = (...rows: MechanismSteps[]) => makeAccountant().epsilonWith(rows, 1e-6);
    const both = epsilonOf(cycles, sampled, { samplingRate: 1, noiseMultiplier: 10, steps: 1 });
    expect(both).toBeGreaterThan(epsilonOf(cycles, sampled));
    expect(epsilonOf(cycles, sampled)).toBeGreaterThan(Math.max(epsilonOf(cycles), epsilonOf(sampled)));
    expect(both).toBeLessThan(epsilonOf({ ...cycles, bins: 10 }, sampled, { ...sampled, steps: 300 }));
  });

  it("is proved, or left at one step on all the data, whatever noise and number there are", () => {
    for (const noiseMultiplier of [1e-3, 0.05, 0.19, 0.2, 50, 999, 1e6, 1e15]) {
      for (const bins of [2, 3, 1023, 2 ** 20, 2 ** 30]) {
        const row = { bins, noiseMultiplier, cycles: 3 };
        const { epsilon, lower } = report(row, 1e-8, coarseGap);
        expect(epsilon).toBeLessThanOrEqual(whole(row, 1e-8));
        expect(lower).toBeLessThanOrEqual(epsilon);
      }
    }
  });

  it.each([
    ["little noise", { noiseMultiplier: 0.19, bins: 10 }, 1e-5],
    ["much noise", { noiseMultiplier: 2000, bins: 10 }, 1e-5],
    ["many bins", { noiseMultiplier: 1, bins: 2 ** 30 }, 1e-5],
    ["a tiny δ", { noiseMultiplier: 1, bins: 10 }, 1e-101],
    ["another relation", { noiseMultiplier: 1, bins: 10, relation: "replace-one" as const }, 1e-5],
  ])("has no lower bound where it counts as something dearer: %s", (_, mechanism, delta) => {
    const accountant = new PrvAccountant();
    accountant.step({ samplingRate: 1, ...mechanism }, 3);
    expect(accountant.report(delta)).not.toHaveProperty("lower");
  });

  it("does not jump where more noise counts as less", () => {
    const at = (noiseMultiplier: number) => report({ bins: 1000, noiseMultiplier, cycles: 1e6 }, 1e-5).epsilon;
    expect(at(1001)).toBeLessThanOrEqual(at(999) + 1e-3);
  });

  it("pays for discrete noise in every bin of a cycle, however its steps are told", () => {
    const row = { samplingRate: 1, noiseMultiplier: 0.5, bins: 10, discreteCoordinates: 1e6 };
    const whole = totalVariation([{ ...row, steps: 3 }]);
    expect(totalVariation(charged({ ...row, cycle: 10, steps: 30 }))).toBe(whole);
    const steps = { samplingRate: 1, noiseMultiplier: 0.5, discreteCoordinates: 1e6, steps: 30 };
    expect(totalVariation([steps])).toBeCloseTo(whole, 20);
  });
});

describe("accountants that know nothing sharper", () => {
  const cycle = { samplingRate: 1, noiseMultiplier: 3, bins: 100 };
  const step = { samplingRate: 1, noiseMultiplier: 3 };

  it("take a cycle for a step on all the data", () => {
    for (const name of ["rdp", "gdp"])
      expect(makeAccountant(name).epsilonAfter(cycle, 4, 1e-5)).toBe(makeAccountant(name).epsilonAfter(step, 4, 1e-5));
    const [a, b] = [new PrivacyOdometer({ delta: 1e-5 }), new PrivacyOdometer({ delta: 1e-5 })];
    expect(a.epsilonAfter(cycle, 4)).toBe(b.epsilonAfter(step, 4));
    const most = (mechanism: typeof step) => {
      const filter = new PrivacyFilter({ epsilon: 5, delta: 1e-5 });
      let count = 0;
      while (filter.spend(mechanism)) count++;
      return count;
    };
    expect(most(cycle)).toBe(most(step));
    const law = { law: "geometric", mean: 10 } as const;
    expect(selectionEpsilon([{ ...cycle, steps: 4 }], law, 1e-5)).toEqual(
      selectionEpsilon([{ ...step, steps: 4 }], law, 1e-5),
    );
  });

  it("bins are of all the data, and a whole number", () => {
    expect(() => checkMechanism({ ...cycle, samplingRate: 0.5 })).toThrow("bins: got 100 of a sample; allowed: with");
    expect(() => checkMechanism({ ...cycle, samplingRate: 0 })).toThrow("bins: got 100");
    expect(() => checkMechanism({ ...cycle, sample: "fixed-size" })).toThrow("bins: got 100");
    for (const bins of [0, 1.5, -3, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => checkMechanism({ ...cycle, bins })).toThrow("bins must be an integer");
  });
});

describe("laws on lattices", () => {
  const moments = ({ offset, spacing, mass }: GeometricLaw) => {
    const sums = [0, 0, 0];
    mass.forEach((weight, k) => {
      for (const order of [0, 1, 2])
        sums[order] = (sums[order] as number) + weight * Math.exp(order * (offset + k * spacing));
    });
    return sums as [number, number, number];
  };

  it("of a cycle keep its mass and mean; its square lies between them", () => {
    for (const [bins, sigma, spacing] of [
      [2, 1, 0.01],
      [7, 0.5, 0.01],
      [100, 0.8, 0.005],
      [1000, 2, 0.001],
    ] as const) {
      const exact = 1 + Math.expm1(sigma ** -2) / bins;
      const above = moments(cycleLaw(bins, sigma, "above", spacing, 1e-25));
      const below = moments(cycleLaw(bins, sigma, "below", spacing, 1e-25));
      for (const order of [0, 1] as const) {
        expect(above[order]).toBeCloseTo(1, 10);
        expect(below[order]).toBeCloseTo(1, 10);
      }
      expect(above[2]).toBeGreaterThan(exact * (1 - 1e-12));
      expect(above[2]).toBeLessThan(exact * (1 + 1e-3));
      expect(below[2]).toBeLessThan(exact * (1 + 1e-12));
      expect(below[2]).toBeGreaterThan(exact * (1 - 1e-3));
    }
  });

  const masses = (most: number) =>
    fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 1, noNaN: true })), {
      minLength: 2,
      maxLength: most,
    });

  it("of sums are those of all pairs, for convex functions from above and from below", () => {
    const offsets = fc.double({ min: -3, max: 3, noNaN: true });
    const property = fc.property(
      masses(12),
      masses(12),
      offsets,
      offsets,
      fc.constantFrom(0.5, 0.07),
      (p, q, a, b, spacing) => {
        const law = (mass: number[], offset: number): GeometricLaw => ({
          offset,
          spacing,
          mass: Float64Array.from([...mass, 0]),
          massError: 0,
          pointError: 0,
        });
        const [first, second] = [law(p, a), law(q, b)];
        const sums = p.flatMap((w, i) =>
          q.map((v, j) => [w * v, Math.exp(a + i * spacing) + Math.exp(b + j * spacing)] as const),
        );
        const expectation = (f: (x: number) => number) => sums.reduce((sum, [w, x]) => sum + w * f(x), 0);
        const of = ({ offset, mass }: GeometricLaw, f: (x: number) => number) =>
          mass.reduce((sum, w, k) => sum + w * f(Math.exp(offset + k * spacing)), 0);
        const above = sumOf(first, second, settleAbove);
        const below = sumOf(first, second, settleBelow);
        const size = expectation((x) => x) + expectation(() => 1);
        for (const level of [0, ...sums.filter((_, k) => k % 7 === 0).map(([, x]) => x)]) {
          for (const f of [(x: number) => Math.max(0, x - level), (x: number) => Math.max(0, level - x)]) {
            expect(of(above, f)).toBeGreaterThanOrEqual(expectation(f) - 1e-12 * size * (1 + level));
            expect(of(below, f)).toBeLessThanOrEqual(expectation(f) + 1e-11 * size * (1 + level));
          }
        }
        expect(of(above, () => 1)).toBeCloseTo(
          expectation(() => 1),
          10,
        );
        expect(of(above, (x) => x)).toBeCloseTo(
          expectation((x) => x),
          8,
        );
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it("from below hold next to all mass where it is smooth", () => {
    const mass = Float64Array.from({ length: 400 }, (_, k) => Math.exp(-((k - 150) ** 2) / 2000));
    const cells: Cells = { spacing: 0.01, mass, excess: mass.map((weight) => 0.004 * weight) };
    const settled = settleBelow(cells);
    const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
    expect(total(settled)).toBeGreaterThan(total(mass) * (1 - 1e-9));
    expect(total(settled)).toBeLessThanOrEqual(total(mass) * (1 + 1e-12));
  });
});
