/** ε of the best of several runs, beside dp-accounting's RepeatAndSelect (test/fixtures/accounting/selection.py). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mechanismOf } from "../../src/privacy/mechanism.js";
import { PrvAccountant } from "../../src/privacy/prv.js";
import { drawRuns, type RunLaw, runsAt, selectionEpsilon } from "../../src/privacy/selection.js";

interface Reference extends RunLaw {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
  readonly epsilon: number;
}

const rows = JSON.parse(
  readFileSync(new URL("../fixtures/accounting/selection.json", import.meta.url), "utf8"),
) as readonly Reference[];

const lawOf = ({ law, mean, shape }: RunLaw): RunLaw => ({ law, mean, ...(shape === undefined ? {} : { shape }) });

describe("ε of the best of several runs", () => {
  it.each(rows)("is dp-accounting's: $law of mean $mean, q $samplingRate, δ $delta", (row) => {
    const { epsilon } = selectionEpsilon([{ ...mechanismOf(row), steps: row.steps }], lawOf(row), row.delta);
    // dp-accounting takes, for an order, the least of the larger ones' besides: never a smaller ε where the best is taken.
    expect(epsilon).toBeGreaterThanOrEqual(row.epsilon * (1 - 1e-7));
    expect(epsilon).toBeLessThanOrEqual(row.epsilon * (1 + 1e-7));
  });

  it("is far below that of as many runs composed", () => {
    const run = { samplingRate: 0.004, noiseMultiplier: 1.1, steps: 3750 };
    const ten = new PrvAccountant().epsilonAfter(run, 37_500, 1e-5);
    expect(selectionEpsilon([run], { law: "poisson", mean: 10 }, 1e-5).epsilon).toBeLessThan(0.75 * ten);
  });

  it("names what is out of range", () => {
    const run = { samplingRate: 0.1, noiseMultiplier: 1, steps: 1 };
    const epsilon = (law: unknown) => () => selectionEpsilon([run], law as RunLaw, 1e-5);
    expect(epsilon({ law: "uniform", mean: 3 })).toThrow("law: got");
    expect(epsilon({ law: "geometric", mean: 1 })).toThrow("mean must be a number in (1, 100000], got 1");
    expect(epsilon({ law: "negativeBinomial", mean: 3 })).toThrow("shape must be a number in (-1, 50], got nothing");
    expect(epsilon({ law: "geometric", mean: 3, shape: 2 })).toThrow("shape is of negativeBinomial alone");
    expect(() => selectionEpsilon([{ ...run, failure: 1e-9 }], { law: "poisson", mean: 2 }, 1e-5)).toThrow("failure");
  });
});

describe("how many runs", () => {
  const laws: readonly RunLaw[] = [
    { law: "geometric", mean: 4 },
    { law: "logarithmic", mean: 4 },
    { law: "negativeBinomial", mean: 4, shape: 2.5 },
    { law: "negativeBinomial", mean: 4, shape: -0.5 },
    { law: "poisson", mean: 4 },
  ];

  it.each(laws)("has the mean that was asked for: $law $shape", (law) => {
    const count = 20_000;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += runsAt(law, (i + 0.5) / count);
    // Of heavy tails the grid of uniforms cuts something off, and never adds.
    expect(sum / count).toBeLessThan(4.001);
    expect(sum / count).toBeGreaterThan(3.9);
  });

  it.each<RunLaw>([
    { law: "poisson", mean: 400 },
    { law: "geometric", mean: 1000 },
    { law: "negativeBinomial", mean: 1000, shape: 50 },
  ])("has its mean where that is large: $law", (law) => {
    const count = 2000;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += runsAt(law, (i + 0.5) / count);
    expect(Math.abs(sum / count / law.mean - 1)).toBeLessThan(0.01);
  });

  it.each(laws)("is at least one, but for poisson: $law", (law) => {
    expect(runsAt(law, 0)).toBe(law.law === "poisson" ? 0 : 1);
    expect(runsAt(law, 1 - 2 ** -53)).toBeGreaterThan(15);
    expect(Number.isInteger(drawRuns(law))).toBe(true);
  });

  it("is, of poisson, as likely as Poisson says", () => {
    const mean = 4;
    let below = 0;
    let mass = Math.exp(-mean);
    for (let k = 0; k < 12; k++) {
      expect(runsAt({ law: "poisson", mean }, below + mass / 2)).toBe(k);
      below += mass;
      mass *= mean / (k + 1);
    }
  });
});
