import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type Baseline,
  baselineSchema,
  emptyBaseline,
  instructionSet,
  learn,
  lookUp,
  unsteady,
} from "../../bench/check/baseline.js";
import { compare, comparisonCells, regressionLine } from "../../bench/check/compare.js";
import { groups, ratioName } from "../../bench/check/ratios.js";

const baseline: Baseline = {
  ratios: { "mlp: auto/none": { ratio: 1.1, margin: 0.2 } },
  overGemm: { avx2: { "mlp: none/gemm": { ratio: 4, margin: 0.5 } } },
};

describe("comparing", () => {
  const entry = { ratio: 1.1, margin: 0.2 };

  test.each([
    [1.1, "ok"],
    [1.3, "ok"],
    [1.33, "slower"],
    [0.92, "ok"],
    [0.9, "faster"],
    [Number.NaN, "slower"],
  ])("%d against 1.1 + 20 %% is %s", (ratio, verdict) => {
    expect(compare("r", ratio, entry).verdict).toBe(verdict);
  });

  test("a ratio without a baseline is said not to be compared", () => {
    const comparison = compare("mlp: none/gemm", 3, undefined);
    expect(comparison.verdict).toBe("unknown");
    expect(comparisonCells(comparison).at(-1)).toContain("not compared");
  });

  test("a regression is told with its size", () => {
    expect(comparisonCells(compare("r", 2.2, entry))).toEqual(["r", "2.200", "1.100", "+100 %", "+20 %", "SLOWER"]);
  });

  test("a regression is told with its limit, and with what measures it again", () => {
    expect(regressionLine(compare("mlp: auto/none", 2.2, entry), "mlp")).toBe(
      "mlp: auto/none takes 2.200, the limit is 1.320 (baseline 1.100 + 20 %). To measure again, on a machine without " +
        "other work: npm run bench:check -- --groups mlp",
    );
  });
});

describe("the baseline", () => {
  test("strategies are compared on every machine, GEMMs on machines of the same instruction set", () => {
    expect(lookUp(baseline, "mlp: auto/none", undefined)?.ratio).toBe(1.1);
    expect(lookUp(baseline, "mlp: none/gemm", "avx2")?.ratio).toBe(4);
    expect(lookUp(baseline, "mlp: none/gemm", "avx512f")).toBeUndefined();
    expect(lookUp(baseline, "mlp: none/gemm", undefined)).toBeUndefined();
  });

  test("the widest vectors name the instruction set", () => {
    expect(instructionSet(["fma", "avx2", "avx512f"])).toBe("avx512f");
    expect(instructionSet(["avx2", "fma"])).toBe("avx2");
    expect(instructionSet(["neon"])).toBe("neon");
    expect(instructionSet(["rvv"])).toBeUndefined();
  });

  test("margins are as wide as repeated runs strayed, within bounds; a machine too busy to learn from is told", () => {
    const runs = new Map([
      ["mlp: auto/none", [1, 1.01, 0.99]],
      ["mlp: ghost/none", [1, 1.2, 0.95]],
      ["dpcnn: auto/none", [1, 2, 0.5]],
      ["mlp: none/gemm", [5, 5, 5]],
    ]);
    const learned = learn(emptyBaseline, "avx512f", runs);
    expect(learned.ratios["mlp: auto/none"]).toEqual({ ratio: 1, margin: 0.45 });
    expect(learned.ratios["mlp: ghost/none"]).toEqual({ ratio: 1, margin: 0.5 });
    expect(learned.ratios["dpcnn: auto/none"]).toEqual({ ratio: 1, margin: 0.6 });
    expect(unsteady(runs)).toEqual(["dpcnn: auto/none strayed by 100 %"]);
    expect(learned.overGemm).toEqual({ avx512f: { "mlp: none/gemm": { ratio: 5, margin: 0.8 } } });
  });

  test("learning on one instruction set keeps what was learned on another", () => {
    const learned = learn(baseline, "avx512f", new Map([["mlp: none/gemm", [3]]]));
    expect(Object.keys(learned.overGemm).sort()).toEqual(["avx2", "avx512f"]);
    expect(learned.ratios).toEqual(baseline.ratios);
  });

  test("a run that measured nothing is refused", () => {
    expect(() => baselineSchema.parse(learn(emptyBaseline, "avx2", new Map([["a/b", [Number.NaN]]])))).toThrow();
  });

  test("the committed one has every ratio, and none that nothing measures", () => {
    const committed = baselineSchema.parse(JSON.parse(readFileSync("bench/baseline.json", "utf8")));
    const known = [committed.ratios, ...Object.values(committed.overGemm)].flatMap((entries) => Object.keys(entries));
    const measured = groups().flatMap((group) => group.ratios.map((pair) => ratioName(group, pair)));
    expect(new Set(known)).toEqual(new Set(measured));
  });
});
