/** ε of the relations and of samples of fixed size, against references that know no lattice (test/fixtures/accounting/relations.py). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { GdpAccountant } from "../../src/privacy/gdp.js";
import type { SampledGaussian } from "../../src/privacy/mechanism.js";
import { normalBelow } from "../../src/privacy/normal.js";
import { coarseGap, PrvAccountant } from "../../src/privacy/prv.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";
import { relations, underRelation, weakest } from "../../src/privacy/relation.js";

interface Setting {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
}
interface Reference extends Setting {
  readonly kind: "replace-one" | "fixed-size";
  readonly epsilon: number;
  readonly dpAccounting?: number | null;
  readonly rdp?: number | null;
}

const path = new URL("../fixtures/accounting/relations.json", import.meta.url);
const table = JSON.parse(readFileSync(path, "utf8")) as {
  settings: Reference[];
  zeroOut: (Setting & { zeroOut: number; addRemove: number })[];
};

function mechanism({ kind, samplingRate, noiseMultiplier }: Reference): SampledGaussian {
  return {
    samplingRate,
    noiseMultiplier,
    ...(kind === "replace-one" ? { relation: "replace-one" } : { sample: "fixed-size" }),
  };
}

describe("ε where an example is replaced, and of samples of fixed size", () => {
  it("is compared at a dozen settings of each", () => {
    for (const kind of ["replace-one", "fixed-size"]) {
      expect(table.settings.filter((row) => row.kind === kind).length).toBeGreaterThanOrEqual(12);
    }
  });

  it.each(table.settings)(
    "is never below, and within 1e-3: $kind q $samplingRate σ $noiseMultiplier T $steps δ $delta",
    (row) => {
      const accountant = new PrvAccountant();
      accountant.step(mechanism(row), row.steps);
      const { epsilon, lower } = accountant.report(row.delta);
      expect(epsilon).toBeGreaterThanOrEqual(row.epsilon - 1e-6);
      expect(epsilon).toBeLessThanOrEqual(row.epsilon + 1e-3);
      if (row.kind === "fixed-size") expect(lower).toBeUndefined();
      else expect(lower).toBeLessThanOrEqual(row.epsilon + 1e-6);
      const moments = new RdpAccountant().epsilonAfter(mechanism(row), row.steps, row.delta);
      expect(moments).toBeGreaterThanOrEqual(epsilon);
      const coarse = new PrvAccountant(coarseGap).epsilonAfter(mechanism(row), row.steps, row.delta);
      expect(coarse).toBeGreaterThanOrEqual(row.epsilon - 1e-6);
      if (row.dpAccounting) expect(row.dpAccounting).toBeGreaterThanOrEqual((lower as number) - 1e-6);
      // Wang et al.'s bound is another one, and no tighter.
      if (row.rdp) expect(epsilon).toBeLessThanOrEqual(row.rdp);
    },
  );

  it("zeroing an example out costs what adding or removing it costs, as dp-accounting has it", () => {
    for (const { zeroOut, addRemove, steps, delta, ...rest } of table.zeroOut) {
      expect(zeroOut).toBe(addRemove);
      const epsilon = new PrvAccountant().epsilonAfter(rest, steps, delta);
      expect(Math.abs(epsilon - zeroOut)).toBeLessThan(1e-2);
    }
  });

  it.each(["replace-one", "fixed-size"] as const)(
    "of the whole data is a Gaussian of twice the distance: %s",
    (kind) => {
      const row = mechanism({ kind, samplingRate: 1, noiseMultiplier: 4, steps: 9, delta: 1e-6, epsilon: 0 });
      for (const name of ["prv", "rdp"]) {
        const half = makeAccountant(name).epsilonAfter({ samplingRate: 1, noiseMultiplier: 2 }, 9, 1e-6);
        expect(makeAccountant(name).epsilonAfter(row, 9, 1e-6)).toBe(half);
      }
    },
  );

  it.each([
    [1.3e-5, 0.35, 400_000, 1.6e-11],
    [3e-6, 0.52, 335, 1.2e-10],
  ])(
    "lies between bounds that agree where almost no step tells anything: q %d",
    (samplingRate, noiseMultiplier, steps, delta) => {
      const accountant = new PrvAccountant();
      accountant.step({ samplingRate, noiseMultiplier, relation: "replace-one" }, steps);
      const { epsilon, lower } = accountant.report(delta);
      expect(epsilon - (lower as number)).toBeLessThanOrEqual(1e-3);
    },
  );

  it("of one replacement has a closed form", () => {
    for (const [q, sigma, delta] of [
      [0.1, 1, 1e-4],
      [0.7, 0.5, 1e-8],
      [0.999, 3, 1e-12],
      [1e-3, 0.4, 1e-6],
    ] as const) {
      const exact = epsilonOfReplacement(q, sigma, delta);
      const accountant = new PrvAccountant();
      accountant.step({ samplingRate: q, noiseMultiplier: sigma, relation: "replace-one" });
      const { epsilon, lower } = accountant.report(delta);
      expect(epsilon).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(lower).toBeLessThanOrEqual(exact + 1e-9);
      expect(epsilon - exact).toBeLessThan(1e-3);
    }
  });

  it("composes with steps of other kinds: never below either alone", () => {
    const poisson = { samplingRate: 0.01, noiseMultiplier: 1, steps: 300 };
    const fixed = { samplingRate: 0.02, noiseMultiplier: 3, steps: 100, sample: "fixed-size" as const };
    const both = new PrvAccountant(coarseGap).epsilonWith([poisson, fixed], 1e-5);
    for (const row of [poisson, fixed]) {
      expect(both).toBeGreaterThan(new PrvAccountant(coarseGap).epsilonWith([row], 1e-5));
    }
    expect(both).toBeLessThanOrEqual(new RdpAccountant().epsilonWith([poisson, fixed], 1e-5));
  });

  it("grows from zero-out to replace-one to fixed size, for gdp too", () => {
    const row = { samplingRate: 0.01, noiseMultiplier: 1 };
    for (const make of [() => new PrvAccountant(coarseGap), () => new RdpAccountant(), () => new GdpAccountant()]) {
      const epsilons = [
        row,
        { ...row, relation: "replace-one" as const },
        { ...row, sample: "fixed-size" as const },
      ].map((kind) => make().epsilonAfter(kind, 100, 1e-5));
      expect([...epsilons].sort((a, b) => a - b)).toEqual(epsilons);
    }
  });
});

describe("a probability of failure", () => {
  const step = { samplingRate: 0.01, noiseMultiplier: 1 };

  it("is paid for in δ: (1 + e^ε) times", () => {
    const failure = 1e-12;
    const accountant = new PrvAccountant();
    accountant.step({ ...step, failure }, 1000);
    const { epsilon, lower } = accountant.report(1e-5);
    expect(lower).toBeUndefined();
    const left = 1e-5 - (1 + Math.exp(epsilon)) * 1000 * failure;
    expect(epsilon).toBeGreaterThanOrEqual(new PrvAccountant().epsilonAfter(step, 1000, left) * (1 - 1e-9));
    expect(epsilon).toBeLessThan(new PrvAccountant().epsilonAfter(step, 1000, 1e-5) + 0.01);
  });

  it("that δ cannot pay for leaves nothing", () => {
    expect(new RdpAccountant().epsilonAfter({ ...step, failure: 1e-6 }, 1000, 1e-5)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("relations", () => {
  it("of several guarantees are as weak as the weakest", () => {
    expect(weakest(["add/remove", "add/remove"])).toBe("add/remove");
    expect(weakest(["add/remove", "replace-one", "zero-out"])).toBe("replace-one");
    expect(weakest([])).toBe("add/remove");
    expect(relations).toHaveLength(3);
  });

  it("name what a step costs under them", () => {
    const row = { samplingRate: 0.1, noiseMultiplier: 1, steps: 2 };
    const replaced = underRelation(row, "replace-one");
    expect(replaced).toEqual({ ...row, relation: "replace-one" });
    expect(underRelation(replaced, "zero-out")).toEqual(row);
  });

  it("refuse what they do not know", () => {
    expect(() =>
      new PrvAccountant().step({ samplingRate: 0.1, noiseMultiplier: 1, relation: "swap" as never }),
    ).toThrow('relation: got "swap", expected one of replace-one');
    expect(() => new PrvAccountant().step({ samplingRate: 0.1, noiseMultiplier: 1, failure: 2 })).toThrow(
      "failure must be a number in [0, 1], got 2",
    );
  });
});

/** P(L > ε) − e^ε·Q(L > ε); the two mixtures are mirror images. */
function epsilonOfReplacement(q: number, sigma: number, delta: number): number {
  const odds = (q / (1 - q)) * Math.exp(-0.5 / sigma ** 2);
  const curve = (epsilon: number) => {
    const z = sigma * (epsilon / 2 + Math.asinh(Math.sinh(epsilon / 2) / odds));
    const above = (shift: number) => (1 - q) * normalBelow(-z) + q * normalBelow(shift - z);
    return above(1 / sigma) - Math.exp(epsilon) * above(-1 / sigma);
  };
  let [low, high] = [0, 1];
  while (curve(high) > delta) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (curve(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}
