import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ClipFunctionName, clipFunctions } from "../../src/privacy/clip-functions.js";
import { type ClippingConfig, clippingStyles, sensitivity } from "../../src/privacy/sensitivity.js";

const flat: ClippingConfig = { function: "abadi", style: "flat", threshold: 1.5 };

/** What each function needs beside C. */
const parameters: Record<ClipFunctionName, Partial<ClippingConfig>> = {
  abadi: {},
  autoS: { gamma: 0.01 },
  autoV: {},
  psac: { r: 0.1 },
  nsgd: { r: 0.25 },
  global: { Z: 4 },
};

describe("sensitivity", () => {
  it("is C, whatever the function and the style", () => {
    for (const name of clipFunctions) {
      for (const style of clippingStyles) {
        const groups = style === "groups" ? { a: ["0"], b: ["1"] } : undefined;
        expect(sensitivity({ ...flat, ...parameters[name], function: name, style, groups })).toBe(1.5);
      }
    }
  });

  it("is the Euclidean norm of given thresholds", () => {
    expect(sensitivity({ ...flat, style: "per-layer", thresholds: [3, 4] })).toBe(5);
    expect(sensitivity({ ...flat, style: "per-layer", thresholds: [0.7] })).toBe(0.7);
  });

  it("takes thresholds of named groups, C/√groups for those without one", () => {
    const groups = { a: { parameters: ["0"], threshold: 3 }, b: ["1"], c: { parameters: ["2"], threshold: 4 } };
    expect(sensitivity({ ...flat, style: "groups", threshold: 1, groups })).toBeCloseTo(Math.sqrt(25 + 1 / 3), 14);
  });

  it("grows with the largest weight, as float32 holds it, and follows the thresholds in force", () => {
    expect(sensitivity({ ...flat, maxWeight: 4 })).toBe(6);
    expect(sensitivity({ ...flat, maxWeight: 0.1 })).toBe(1.5 * Math.fround(0.1));
    expect(sensitivity({ ...flat, maxWeight: 0.3 })).toBeGreaterThanOrEqual(0.45);
    expect(sensitivity({ ...flat, style: "per-layer", maxWeight: 2 }, [3, 4])).toBe(10);
  });

  it("bounds what per-layer clipping leaves of any gradient", () => {
    const factors: Record<ClipFunctionName, (n: number, c: number) => number> = {
      abadi: (n: number, c: number) => Math.min(1, c / n),
      autoS: (n: number, c: number) => c / (n + 0.01),
      autoV: (n: number, c: number) => c / n,
      psac: (n, c) => c / (n + 0.1 / (n + 0.1)),
      nsgd: (n, c) => c / (n + 0.25),
      global: (n, c) => (n <= 4 ? c / 4 : 0),
    };
    const groups = fc.array(
      fc.record({
        norm: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        threshold: fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...clipFunctions), groups, (name, list) => {
        const bound = sensitivity({
          ...parameters[name],
          function: name,
          style: "per-layer",
          threshold: 1,
          thresholds: list.map((g) => g.threshold),
        });
        const left = Math.hypot(...list.map((g) => g.norm * factors[name](g.norm, g.threshold)));
        expect(left).toBeLessThanOrEqual(bound * (1 + 1e-12));
      }),
    );
  });

  it.each([
    [{ threshold: 0 }, "clipping.threshold must be a number in [1e-20, 1e20], got 0"],
    [{ threshold: Number.NaN }, "clipping.threshold must be a number in [1e-20, 1e20], got NaN"],
    [{ thresholds: [] }, "clipping.thresholds must be a list of numbers > 0, got []"],
    [{ thresholds: [1, -2] }, "clipping.thresholds[1] must be a number in [1e-20, 1e20], got -2"],
    [{ function: "clip" }, 'clipping.function: got "clip", expected one of abadi, autoS, autoV, psac, nsgd, global'],
    [{ style: "perLayer" }, 'clipping.style: got "perLayer", expected one of flat, per-layer, per-parameter, groups'],
    [{ maxWeigth: 3 }, 'clipping: got the unknown key "maxWeigth", expected one of function, style, threshold'],
    [{ function: "autoS", gamma: 0 }, "clipping.gamma must be a number > 0, got 0"],
    [{ gamma: 0.1 }, 'clipping.gamma: got 0.1, allowed: only with "function": "autoS"'],
    [{ function: "autoV", r: 0.1 }, 'clipping.r: got 0.1, allowed: only with "function": "psac" or "nsgd"'],
    [{ function: "psac" }, 'clipping.r: got nothing, allowed: a number above 0, for "function": "psac"'],
    [{ function: "global", Z: -1 }, "clipping.Z must be a number > 0, got -1"],
    [{ style: "groups" }, 'clipping.groups: got nothing, allowed: an object of groups by name, for "style": "groups"'],
    [{ groups: { a: ["0"] } }, 'clipping.groups: got {"a":["0"]}, allowed: only with "style": "groups"'],
    [{ style: "groups", groups: {} }, "clipping.groups must be an object of groups by name, got {}"],
    [
      { style: "groups", groups: { a: [] } },
      "clipping.groups.a must be a list of parameter names or layer paths, got []",
    ],
    [
      { style: "groups", groups: { a: { parameters: ["0"], threshold: 0 } } },
      "clipping.groups.a.threshold must be a number in [1e-20, 1e20], got 0",
    ],
    [
      { style: "groups", groups: { a: ["0"] }, thresholds: [1] },
      "clipping.thresholds: got [1], allowed: a threshold within each of groups",
    ],
    [{ maxWeight: 0 }, "clipping.maxWeight must be a number in (0, 1000000000000000], got 0"],
    [{ function: "autoV", adaptive: {} }, 'clipping.adaptive: got {}, allowed: only with "function": "abadi"'],
    [{ adaptive: { quantile: 1 } }, "clipping.adaptive.quantile must be a number in (0, 1), got 1"],
    [{ adaptive: { rate: 1 } }, "clipping.adaptive.rate is not known; allowed: quantile, learningRate, countNoise"],
  ])("refuses %j", (wrong, message) => {
    expect(() => sensitivity({ ...flat, ...wrong } as ClippingConfig)).toThrow(message);
  });
});
