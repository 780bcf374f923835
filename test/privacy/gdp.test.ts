import { describe, expect, it } from "vitest";
import { accountantNames, makeAccountant } from "../../src/privacy/accountant.js";
import { epsilonOfGaussian } from "../../src/privacy/gaussian.js";
import { GdpAccountant } from "../../src/privacy/gdp.js";

describe("ε of the Gaussian mechanism", () => {
  // δ(ε) = Φ(−ε/μ + μ/2) − e^ε Φ(−ε/μ − μ/2), solved with mpmath at 30 digits.
  it.each([
    [0.5, 1e-5, 1.99309140441512],
    [1, 1e-5, 4.37717809568122],
    [1, 1e-10, 6.54792406686495],
    [5, 1e-5, 33.1037323359225],
    [40, 1e-8, 1023.54440642135],
    [0.01, 1e-3, 0.0090480725930388],
  ])("μ %d, δ %d", (mu, delta, epsilon) => {
    expect(epsilonOfGaussian(mu, delta) / epsilon).toBeCloseTo(1, 8);
  });

  it("is 0 where δ alone covers it, infinite without noise", () => {
    expect(epsilonOfGaussian(0, 1e-5)).toBe(0);
    expect(epsilonOfGaussian(1e-4, 1e-3)).toBe(0);
    expect(epsilonOfGaussian(Number.POSITIVE_INFINITY, 1e-5)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the GDP accountant", () => {
  it("adds squares of μ = q√(T(e^(1/σ²) − 1))", () => {
    const accountant = new GdpAccountant();
    accountant.step({ samplingRate: 0.01, noiseMultiplier: 1 }, 1000);
    const mu = 0.01 * Math.sqrt(1000 * Math.expm1(1));
    expect(accountant.epsilon(1e-5)).toBeCloseTo(epsilonOfGaussian(mu, 1e-5), 9);
    const both = Math.hypot(mu, 0.02 * Math.sqrt(500 * Math.expm1(1 / 4)));
    const after = accountant.epsilonAfter({ samplingRate: 0.02, noiseMultiplier: 2 }, 500, 1e-5);
    expect(after).toBeCloseTo(epsilonOfGaussian(both, 1e-5), 9);
  });

  it("is below the proven bound, and says that it may be", () => {
    const mechanism = { samplingRate: 0.004, noiseMultiplier: 1.1 };
    const gdp = makeAccountant("gdp");
    const rdp = makeAccountant("rdp");
    for (const accountant of [gdp, rdp]) accountant.step(mechanism, 3750);
    expect(gdp.epsilon(1e-5)).toBeLessThan(rdp.epsilon(1e-5));
    expect([gdp.upperBound, rdp.upperBound]).toEqual([false, true]);
  });
});

describe("accountants by name", () => {
  it("lists what there is, the tightest bound first and by default", () => {
    expect(accountantNames).toEqual(["prv", "rdp", "gdp"]);
    expect(accountantNames.map((name) => [makeAccountant(name).name, makeAccountant(name).upperBound])).toEqual([
      ["prv", true],
      ["rdp", true],
      ["gdp", false],
    ]);
    expect(makeAccountant().name).toBe("prv");
    expect(() => makeAccountant("toString")).toThrow('accountant must be one of prv, rdp, gdp, got "toString"');
  });
});
