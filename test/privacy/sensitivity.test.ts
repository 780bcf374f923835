import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ClippingConfig, clipFunctions, clippingStyles, sensitivity } from "../../src/privacy/sensitivity.js";

const flat: ClippingConfig = { function: "abadi", style: "flat", threshold: 1.5 };

describe("sensitivity", () => {
  it("is C, whatever the function and the style", () => {
    for (const name of clipFunctions) {
      for (const style of clippingStyles) expect(sensitivity({ ...flat, function: name, style })).toBe(1.5);
    }
  });

  it("is the Euclidean norm of given thresholds", () => {
    expect(sensitivity({ ...flat, style: "per-layer", thresholds: [3, 4] })).toBe(5);
    expect(sensitivity({ ...flat, style: "per-layer", thresholds: [0.7] })).toBe(0.7);
  });

  it("bounds what per-layer clipping leaves of any gradient", () => {
    const factors = {
      abadi: (n: number, c: number) => Math.min(1, c / n),
      autoS: (n: number, c: number) => c / (n + 0.01),
      autoV: (n: number, c: number) => c / n,
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
    [{ threshold: 0 }, "clipping.threshold must be a number > 0, got 0"],
    [{ threshold: Number.NaN }, "clipping.threshold must be a number > 0, got NaN"],
    [{ thresholds: [] }, "clipping.thresholds must be a list of numbers > 0, got []"],
    [{ thresholds: [1, -2] }, "clipping.thresholds[1] must be a number > 0, got -2"],
    [{ function: "clip" }, 'clipping.function must be one of abadi, autoS, autoV, got "clip"'],
    [{ style: "perLayer" }, 'clipping.style must be one of flat, per-layer, got "perLayer"'],
    [{ function: "autoS", gamma: 0 }, "clipping.gamma must be a number > 0, got 0"],
  ])("refuses %j", (wrong, message) => {
    expect(() => sensitivity({ ...flat, ...wrong } as ClippingConfig)).toThrow(message);
  });
});
