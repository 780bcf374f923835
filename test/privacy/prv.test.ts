/** ε by privacy loss distributions, against references that share no code with it (test/fixtures/accounting/pld.py). */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PrivacyBudget } from "../../src/privacy/budget.js";
import { epsilonOfGaussian } from "../../src/privacy/gaussian.js";
import { cheapest, costliest } from "../../src/privacy/grouped-rows.js";
import { epsilonInterval } from "../../src/privacy/lattice/interval.js";
import { mechanismOf } from "../../src/privacy/mechanism.js";
import { coarseGap, PrvAccountant } from "../../src/privacy/prv.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

interface Reference {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
  readonly epsilon: number;
  readonly by: "contour" | "tilted-fft";
  readonly dpAccounting?: { readonly epsilon: number } | null;
  readonly prv?: { readonly lower: number; readonly upper: number } | null;
}

const path = new URL("../fixtures/accounting/pld.json", import.meta.url);
const { settings } = JSON.parse(readFileSync(path, "utf8")) as { settings: readonly Reference[] };

type Row = Pick<Reference, "samplingRate" | "noiseMultiplier" | "steps">;

function report(rows: readonly Row[], delta: number, gap?: number): { epsilon: number; lower: number } {
  const accountant = new PrvAccountant(gap);
  for (const row of rows) accountant.step(mechanismOf(row), row.steps);
  const { epsilon, lower } = accountant.report(delta);
  return { epsilon, lower: lower as number };
}

/** The references' own error. */
const tolerance = { contour: 1e-6, "tilted-fft": 1e-4 };

describe("ε by the privacy loss distribution", () => {
  it("is compared at 200 settings or more, over the whole range", () => {
    const range = (key: keyof Row | "delta") => [
      Math.min(...settings.map((s) => s[key])),
      Math.max(...settings.map((s) => s[key])),
    ];
    expect(settings.length).toBeGreaterThanOrEqual(200);
    expect(range("samplingRate")).toEqual([expect.toSatisfy((q) => q < 1e-5), 1]);
    expect(range("steps")).toEqual([1, 1_000_000]);
    expect(range("delta")).toEqual([expect.toSatisfy((d) => d < 2e-12), expect.toSatisfy((d) => d > 5e-4)]);
    expect(settings.filter((s) => s.epsilon > 1e-3).length).toBeGreaterThanOrEqual(200);
  });

  it.each(settings)("is never below, and within 1e-3: q $samplingRate σ $noiseMultiplier T $steps δ $delta", (row) => {
    const { epsilon, lower } = report([row], row.delta);
    const off = tolerance[row.by];
    expect(epsilon).toBeGreaterThanOrEqual(row.epsilon - off);
    expect(epsilon).toBeLessThanOrEqual(row.epsilon + 1e-3);
    expect(lower).toBeLessThanOrEqual(row.epsilon + off);
    expect(epsilon - lower).toBeLessThanOrEqual(1e-3);
    // Others' bounds; dp-accounting's transforms lose small δ: below 1e-8 its ε falls below the analytic Gaussian's.
    if (row.dpAccounting && row.delta > 1e-8) expect(lower).toBeLessThanOrEqual(row.dpAccounting.epsilon);
    if (row.prv) {
      expect(lower).toBeLessThanOrEqual(row.prv.upper);
      expect(epsilon).toBeGreaterThanOrEqual(row.prv.lower);
    }
  });

  // Where the accountant takes the characteristic function, the lattices would go untested.
  const latticed = settings.filter(({ samplingRate }, index) => samplingRate < 1 && index % 3 === 0);
  it.each(latticed)("by lattices is: q $samplingRate σ $noiseMultiplier T $steps δ $delta", (row) => {
    const { lower, upper } = epsilonInterval([row], row.delta);
    const off = tolerance[row.by];
    expect(upper).toBeGreaterThanOrEqual(row.epsilon - off);
    expect(lower).toBeLessThanOrEqual(row.epsilon + off);
    // Moments prove less where steps are few and next to none draws the example.
    const proved = Math.min(upper, new RdpAccountant().epsilonAfter(mechanismOf(row), row.steps, row.delta));
    expect(proved).toBeLessThanOrEqual(row.epsilon + 1e-3 * Math.max(1, row.epsilon / 25));
  });

  it("is never above that of moments, and stays proved when computed coarsely", () => {
    for (const row of settings.filter((_, index) => index % 5 === 0)) {
      const coarse = report([row], row.delta, coarseGap).epsilon;
      expect(coarse).toBeGreaterThanOrEqual(row.epsilon - tolerance[row.by]);
      expect(coarse).toBeLessThanOrEqual(new RdpAccountant().epsilonAfter(mechanismOf(row), row.steps, row.delta));
    }
  });
});

describe("composition", () => {
  const rates = fc.double({ min: -4, max: 0, noNaN: true }).map((log) => 10 ** log);
  const noises = fc.double({ min: -0.3, max: 1, noNaN: true }).map((log) => 10 ** log);
  const counts = fc.double({ min: 0, max: 4, noNaN: true }).map((log) => Math.round(10 ** log));
  const deltas = fc.constantFrom(1e-3, 1e-5, 1e-8, 1e-12);
  const factors = fc.double({ min: 1.05, max: 2, noNaN: true });
  const few = { numRuns: 12, endOnFailure: true };

  it("grows with steps and sampling rate, falls with noise and δ: lower bounds stay below upper ones", () => {
    fc.assert(
      fc.property(rates, noises, counts, deltas, factors, (samplingRate, noiseMultiplier, steps, delta, factor) => {
        const row = { samplingRate, noiseMultiplier, steps };
        const { epsilon, lower } = report([row], delta, coarseGap);
        expect(lower).toBeLessThanOrEqual(epsilon);
        expect(report([{ ...row, steps: Math.ceil(steps * factor) }], delta, coarseGap).epsilon).toBeGreaterThanOrEqual(
          lower,
        );
        expect(report([{ ...row, samplingRate: samplingRate / factor }], delta, coarseGap).lower).toBeLessThanOrEqual(
          epsilon,
        );
        expect(
          report([{ ...row, noiseMultiplier: noiseMultiplier * factor }], delta, coarseGap).lower,
        ).toBeLessThanOrEqual(epsilon);
        expect(report([row], Math.min(0.5, delta * factor), coarseGap).lower).toBeLessThanOrEqual(epsilon);
      }),
      few,
    );
  });

  it("of different mechanisms lies between all of the one and all of the other", () => {
    fc.assert(
      fc.property(rates, noises, factors, deltas, (samplingRate, noiseMultiplier, factor, delta) => {
        const noisy = { samplingRate, noiseMultiplier: noiseMultiplier * factor };
        const plain = { samplingRate, noiseMultiplier };
        const mixed = report(
          [
            { ...noisy, steps: 60 },
            { ...plain, steps: 40 },
          ],
          delta,
          coarseGap,
        );
        expect(mixed.lower).toBeLessThanOrEqual(report([{ ...plain, steps: 100 }], delta, coarseGap).epsilon);
        expect(mixed.epsilon).toBeGreaterThanOrEqual(report([{ ...noisy, steps: 100 }], delta, coarseGap).lower);
      }),
      few,
    );
  });

  it("of two mechanisms that are almost one is that of one, to the bounds", () => {
    const one = report([{ samplingRate: 0.01, noiseMultiplier: 1, steps: 1000 }], 1e-6);
    const two = report(
      [
        { samplingRate: 0.01, noiseMultiplier: 1, steps: 400 },
        { samplingRate: 0.01, noiseMultiplier: 1 + 1e-9, steps: 600 },
      ],
      1e-6,
    );
    expect(Math.abs(one.epsilon - two.epsilon)).toBeLessThan(1e-3);
  });

  it("of more mechanisms than are computed is bounded by fewer, dearer and cheaper", () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({
      samplingRate: 0.01 * (1 + ((i * 0.618) % 1)),
      noiseMultiplier: 1 + ((i * 0.414) % 1),
      steps: 1,
    }));
    const all = report(rows, 1e-5);
    const ends = [costliest(rows, 100), cheapest(rows, 100)].map((few) => report([...few], 1e-5));
    expect(all.epsilon).toBeLessThanOrEqual(ends[0]?.epsilon as number);
    expect(all.lower).toBeGreaterThanOrEqual(ends[1]?.lower as number);
    expect(all.epsilon - all.lower).toBeLessThan(0.05 * all.epsilon);
    for (const few of [costliest(rows, 100), cheapest(rows, 100)]) {
      expect(few.reduce((sum, { steps }) => sum + steps, 0)).toBe(5000);
      expect(few.length).toBeLessThanOrEqual(100);
    }
  });

  it("does not depend on how steps are handed in, to the bit", () => {
    const a = { samplingRate: 0.01, noiseMultiplier: 1, steps: 100 };
    const b = { samplingRate: 0.02, noiseMultiplier: 2, steps: 50 };
    const nothing = { samplingRate: 0, noiseMultiplier: 0, steps: 7 };
    const whole = { ...a, steps: 30 };
    const rest = { ...a, steps: 70 };
    expect(report([whole, b, nothing, rest], 1e-5)).toEqual(report([b, a], 1e-5));
  });

  it("counts steps of the whole data beside sampled ones", () => {
    const sampled = { samplingRate: 0.01, noiseMultiplier: 1, steps: 500 };
    const whole = { samplingRate: 1, noiseMultiplier: 20, steps: 10 };
    const both = report([sampled, whole], 1e-5);
    expect(both.lower).toBeGreaterThan(report([sampled], 1e-5).epsilon);
    expect(both.epsilon).toBeLessThan(report([sampled, { ...whole, noiseMultiplier: 10 }], 1e-5).lower);
    expect(both.epsilon - both.lower).toBeLessThan(1e-3);
  });
});

describe("the whole data in every step", () => {
  it.each([
    [1, 1, 1e-5],
    [10, 100, 1e-12],
    [0.3, 7, 1e-8],
    [30, 1_000_000, 1e-3],
    [1e6, 1, 1e-12],
  ])("is the analytic Gaussian: σ %d, %d steps, δ %d", (noiseMultiplier, steps, delta) => {
    const exact = epsilonOfGaussian(Math.sqrt(steps) / noiseMultiplier, delta);
    const { epsilon, lower } = report([{ samplingRate: 1, noiseMultiplier, steps }], delta);
    expect(Math.abs(epsilon - exact)).toBeLessThanOrEqual(1e-9 * Math.max(1, exact));
    expect(epsilon).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
    expect(lower).toBeLessThanOrEqual(exact);
  });
});

describe("any valid input", () => {
  it.each([
    [0.5, 1e-3, 1000],
    [1e-6, 0.01, 10],
    [0.5, 0.06, 1_000_000],
    [1, 1e-200, 1],
    [0.9, 0.3, Number.MAX_SAFE_INTEGER],
    [1e-300, 1, 1_000_000],
    [1 - 1e-15, 1, 10],
    [0.1, 1e15, 1_000_000],
  ])("is answered, however large ε is: q %d σ %d T %d", (samplingRate, noiseMultiplier, steps) => {
    const { epsilon } = report([{ samplingRate, noiseMultiplier, steps }], 1e-5);
    expect(epsilon).toBeGreaterThanOrEqual(0);
    expect(epsilon).toBeLessThanOrEqual(
      new RdpAccountant().epsilonAfter({ samplingRate, noiseMultiplier }, steps, 1e-5),
    );
  });

  it("is answered at a δ that no lattice is made for", () => {
    const row = { samplingRate: 0.0074, noiseMultiplier: 0.0607, steps: 1 };
    expect(report([row], 1e-150).epsilon).toBeGreaterThan(report([row], 1e-100).lower);
  });

  it("is nothing without sampling and everything without noise", () => {
    expect(report([{ samplingRate: 0, noiseMultiplier: 0, steps: 10 }], 1e-5).epsilon).toBe(0);
    expect(report([{ samplingRate: 0.1, noiseMultiplier: 0, steps: 1 }], 1e-5).epsilon).toBe(Number.POSITIVE_INFINITY);
  });

  it("names what is out of range", () => {
    const accountant = new PrvAccountant();
    expect(() => accountant.step({ samplingRate: 2, noiseMultiplier: 1 })).toThrow(
      "samplingRate must be a number in [0, 1], got 2",
    );
    expect(() => accountant.epsilonAfter({ samplingRate: 0.1, noiseMultiplier: 1 }, 0.5, 1e-5)).toThrow(
      "steps must be an integer",
    );
    expect(() => accountant.epsilon(0)).toThrow("delta must be a number in (0, 1), got 0");
  });
});

describe("a budget", () => {
  it("affords more steps than moments would, and not one too many", () => {
    const mechanism = { samplingRate: 0.02, noiseMultiplier: 1.2 };
    const steps = new PrivacyBudget(new PrvAccountant(), 2, 1e-5).remainingSteps(mechanism);
    expect(steps).toBeGreaterThan(new PrivacyBudget(new RdpAccountant(), 2, 1e-5).remainingSteps(mechanism));
    expect(report([{ ...mechanism, steps }], 1e-5).epsilon).toBeLessThanOrEqual(2);
    expect(report([{ ...mechanism, steps: steps + 1 }], 1e-5).epsilon).toBeGreaterThan(2);
  });
});
