/** Bounds against SciPy and jax_privacy (test/fixtures/audit/make.py). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gaussianBound, largestRates, plainBound, ratesRefute } from "../../src/audit/error-rates.js";
import { chanceOfGuesses, epsilonOfGuesses, guessesRefute } from "../../src/audit/guesses.js";
import { rateAtLeast, rateAtMost } from "../../src/audit/rates.js";
import { rocOf } from "../../src/audit/roc.js";
import { boundBy } from "../../src/audit/shown-bound.js";
import { TradeOff } from "../../src/audit/trade-off.js";
import { errorsOf } from "../../src/audit/white-box.js";
import { RandomKeys } from "../../src/privacy/random.js";

interface Fixture {
  readonly delta: number;
  readonly rates: readonly Record<"count" | "trials" | "mass" | "upper" | "lower", number>[];
  readonly manyRuns: readonly Record<"falseAlarms" | "misses" | "runs" | "mass" | "mu" | "epsilon" | "plain", number>[];
  readonly oneRun: readonly (Record<"canaries" | "made" | "right" | "mass" | "plain" | "gaussian", number> & {
    readonly chance: readonly Record<"epsilon" | "delta" | "p", number>[];
  })[];
  readonly roc: readonly {
    readonly mass: number;
    readonly members: readonly number[];
    readonly others: readonly number[];
    readonly auc: Bounded;
    readonly truePositives: readonly Bounded[];
  }[];
}
interface Bounded {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}
const path = new URL("../fixtures/audit/bounds.json", import.meta.url);
const { delta, rates, manyRuns, oneRun, roc } = JSON.parse(readFileSync(path, "utf8")) as Fixture;

/** One step on the whole data: a Gaussian mechanism with μ = 1/σ. */
const gaussianClaim = { mechanisms: [{ samplingRate: 1, noiseMultiplier: 1, steps: 1 }], delta };

function expectClose(value: number, reference: number, relative: number): void {
  expect(Math.abs(value - reference), `${value} beside ${reference}`).toBeLessThanOrEqual(
    relative * Math.max(1e-6, Math.abs(reference)),
  );
}

describe("Clopper–Pearson bounds", () => {
  it.each(rates)("of $count in $trials at $mass are SciPy's", ({ count, trials, mass, upper, lower }) => {
    expectClose(rateAtMost(count, trials, mass), upper, 1e-9);
    expectClose(rateAtLeast(count, trials, mass), lower, 1e-9);
  });

  it.each([
    [-1, 10, 0.05, "count"],
    [11, 10, 0.05, "count"],
    [0, 0, 0.05, "trials"],
    [0, 10, 0, "mass"],
  ])("refuse %d of %d at %d", (count, trials, mass, name) => {
    expect(() => rateAtMost(count, trials, mass)).toThrow(name);
    expect(() => rateAtLeast(count, trials, mass)).toThrow(name);
  });
});

describe("error rates of many runs", () => {
  it.each(manyRuns)("$falseAlarms and $misses of $runs", (row) => {
    const counts = { falseAlarms: row.falseAlarms, misses: row.misses, without: row.runs, with: row.runs };
    const bounded = largestRates(counts, row.mass);
    const gaussian = gaussianBound(bounded, delta);
    expectClose(gaussian.mu, row.mu, 1e-9);
    expectClose(gaussian.epsilon, row.epsilon, 1e-8);
    expectClose(plainBound(bounded, delta), row.plain, 1e-9);
    // The claimed mechanism with other noise is a Gaussian one at q = 1: the bound by its curve is the same, from below.
    const shown = boundBy((curve) => ratesRefute(bounded, curve), gaussianClaim);
    expect(shown.epsilon).toBeLessThanOrEqual(row.epsilon * (1 + 1e-6));
    expect(shown.epsilon).toBeGreaterThan(0.98 * row.epsilon);
    expectClose(1 / shown.noiseFactor, row.mu, 0.02);
  });

  it("show nothing where they are those of a coin", () => {
    const coin = { falseAlarms: 0.6, misses: 0.6 };
    expect(gaussianBound(coin, delta)).toEqual({ mu: 0, epsilon: 0 });
    expect(plainBound(coin, delta)).toBe(0);
    expect(plainBound({ falseAlarms: 1, misses: 1 }, delta)).toBe(0);
    expect(boundBy((curve) => ratesRefute(coin, curve), gaussianClaim)).toEqual({ epsilon: 0, noiseFactor: Infinity });
  });
});

describe("guesses in one run", () => {
  it.each(oneRun)("$right of $made right about $canaries", (row) => {
    for (const { epsilon, delta, p } of row.chance) {
      const chance = chanceOfGuesses(row, epsilon, delta);
      expect(Math.abs(chance - p)).toBeLessThanOrEqual(1e-9 + 1e-7 * p);
    }
    expectClose(epsilonOfGuesses(row, delta, row.mass), row.plain, 1e-4);
    const shown = boundBy((curve) => guessesRefute(row, curve, row.mass), gaussianClaim);
    expect(shown.epsilon).toBeLessThanOrEqual(row.gaussian * (1 + 1e-3));
    expect(shown.epsilon).toBeGreaterThan(0.97 * row.gaussian);
  });

  it("show nothing where half of them are wrong", () => {
    const coin = { canaries: 1000, made: 1000, right: 500 };
    expect(epsilonOfGuesses(coin, delta, 0.05)).toBe(0);
    expect(boundBy((curve) => guessesRefute(coin, curve, 0.05), gaussianClaim).epsilon).toBe(0);
  });
});

describe("ROC curves", () => {
  it.each(roc)("of $members.length members and $others.length others", ({ mass, members, others, ...wanted }) => {
    const found = rocOf(members, others, mass);
    const pairs: [Bounded, Bounded | undefined][] = [
      [wanted.auc, found.auc],
      ...wanted.truePositives.map((rate, i): [Bounded, Bounded | undefined] => [rate, found.truePositives[i]]),
    ];
    for (const [reference, value] of pairs) {
      for (const key of ["value", "low", "high"] as const)
        expectClose(value?.[key] ?? Number.NaN, reference[key], 1e-9);
    }
  });
});

/** As many audits as it takes to see a rate of 1 in 300; scores as those of Gaussian mechanisms with this μ. */
function audited(mu: number, seed: number): ShownMu[] {
  const random = new RandomKeys(seed).stream("audit");
  const draw = (shift: number) => Array.from({ length: 500 }, () => shift + random.normal());
  return Array.from({ length: 300 }, () => {
    const errors = errorsOf({ without: draw(0), present: draw(mu) }, 0.025);
    return gaussianBound(largestRates(errors, 0.025), delta);
  });
}
type ShownMu = ReturnType<typeof gaussianBound>;

describe("500 + 500 runs of which μ = 1, ε = 4.38 is claimed", () => {
  it("find half the noise in more than 99.7 % of audits", () => {
    expect(audited(2, 1).filter(({ mu }) => mu > 1)).toHaveLength(300);
  });

  it("find fault with what is right in at most 2.5 % of audits", () => {
    const wrong = audited(1, 2).filter(({ mu }) => mu > 1).length;
    expect(wrong).toBeLessThanOrEqual(0.025 * 300);
  });
});

describe("a claim's curve", () => {
  it("is at most that of the Gaussian mechanism, and close to it", () => {
    const curve = TradeOff.of(gaussianClaim.mechanisms);
    // G_1(0.1) = Φ(Φ⁻¹(0.9) − 1), G_1(0.3085…) = 0.3085…
    expect(curve.leastMisses(0.1)).toBeLessThanOrEqual(0.6108554);
    expect(curve.leastMisses(0.1)).toBeGreaterThan(0.6108554 - 0.003);
    expect(curve.leastMisses(0.3085375)).toBeLessThanOrEqual(0.3085376);
    expect(curve.leastMisses(0.3085375)).toBeGreaterThan(0.308);
    expect(curve.leastBeside(1 - 0.6108554)).toBeLessThanOrEqual(0.1000001);
    expect(curve.leastBeside(1 - 0.6108554)).toBeGreaterThan(0.099);
  });
});
