import { describe, expect, it } from "vitest";
import { sequential } from "../../src/graph/index.js";
import { linear, tanh } from "../../src/layers/index.js";
import type { ClippingConfig, GroupConfig } from "../../src/privacy/sensitivity.js";
import { clippingGroups } from "../../src/training/clipping-groups.js";

const model = sequential([3], [linear(4), tanh(), linear(5, { bias: false }), linear(2)]).spec;
const base: ClippingConfig = { function: "abadi", style: "flat", threshold: 6 };
const named = (groups: Record<string, GroupConfig>) => clippingGroups(model, { ...base, style: "groups", groups });

describe("clippingGroups", () => {
  it("knows every style", () => {
    expect(model.parameters.map(({ name }) => name)).toEqual(["0.weight", "0.bias", "2.weight", "3.weight", "3.bias"]);
    expect(clippingGroups(model, base)).toEqual({ groupOfParameter: [0, 0, 0, 0, 0], names: ["all"], thresholds: [6] });
    const byLayer = clippingGroups(model, { ...base, style: "per-layer" });
    expect(byLayer).toMatchObject({ groupOfParameter: [0, 0, 1, 2, 2], names: ["0", "2", "3"] });
    expect(Math.hypot(...byLayer.thresholds)).toBeCloseTo(6, 14);
    const byParameter = clippingGroups(model, { ...base, style: "per-parameter", thresholds: [1, 2, 3, 4, 5] });
    expect(byParameter).toEqual({
      groupOfParameter: [0, 1, 2, 3, 4],
      names: ["0.weight", "0.bias", "2.weight", "3.weight", "3.bias"],
      thresholds: [1, 2, 3, 4, 5],
    });
  });

  it("takes parameter names, layer paths and patterns, and thresholds of their own", () => {
    expect(named({ head: { parameters: ["3"], threshold: 2 }, biases: ["0.bias"], rest: ["0.weight", "2.*"] })).toEqual(
      {
        groupOfParameter: [2, 1, 2, 0, 0],
        names: ["head", "biases", "rest"],
        thresholds: [2, 6 / Math.sqrt(3), 6 / Math.sqrt(3)],
      },
    );
    expect(named({ all: ["*", "0.weight"] }).groupOfParameter).toEqual([0, 0, 0, 0, 0]);
  });

  it("leaves frozen parameters out", () => {
    const frozen = sequential([3], [linear(4, { freeze: true }), linear(2)]).spec;
    expect(clippingGroups(frozen, { ...base, style: "per-parameter" })).toMatchObject({
      groupOfParameter: [-1, -1, 0, 1],
      names: ["1.weight", "1.bias"],
    });
    const groups = (config: Record<string, GroupConfig>) =>
      clippingGroups(frozen, { ...base, style: "groups", groups: config });
    expect(groups({ head: ["*"] }).groupOfParameter).toEqual([-1, -1, 0, 0]);
    expect(() => groups({ body: ["0"], head: ["1"] })).toThrow(
      "clipping.groups.body: all of its parameters are frozen",
    );
  });

  it.each<[Record<string, GroupConfig>, RegExp]>([
    [
      { a: ["0", "2"] },
      /clipping\.groups: 3\.weight, 3\.bias in no group; each trainable parameter belongs to exactly one/,
    ],
    [{ a: ["0", "2", "3"], b: ["0.bias"] }, /clipping\.groups\.b: parameter 0\.bias is in group 'a' already/],
    [
      { a: ["0.wieght", "*"] },
      /clipping\.groups\.a: got "0\.wieght", which names no parameter, did you mean '0\.weight'\?/,
    ],
    [{ a: ["0.w", "*"] }, /which names no parameter/],
    [{ a: ["1", "*"] }, /got "1", which names no parameter/],
  ])("refuses %j", (groups, message) => {
    expect(() => named(groups)).toThrow(RangeError);
    expect(() => named(groups)).toThrow(message);
  });

  it("refuses thresholds that are not one a group", () => {
    expect(() => clippingGroups(model, { ...base, style: "per-parameter", thresholds: [1, 2] })).toThrow(
      "clipping.thresholds: got 2 numbers, expected 5, one a group (style 'per-parameter': one a trainable parameter)",
    );
  });
});
