import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readGrid } from "../../src/sweep/grid.js";
import { mergePatch, replaceAt, takesAway } from "../../src/sweep/merge-patch.js";
import { temporaryFolder, tinyModel } from "../training/tiny.js";

const base = {
  model: tinyModel,
  data: { format: "idx", train: { images: "images", labels: "labels" } },
  optimizer: { type: "sgd", learningRate: 0.5 },
  privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: 200 },
  samplingRate: 0.1,
  epochs: 2,
};

describe("readGrid", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });

  function write(content: unknown, name = "study.grid.json"): string {
    const path = join(folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  it("makes a cell of every combination that applies, the first key slowest", () => {
    const grid = readGrid(
      write({
        base,
        variants: {
          "without DP": { strategy: "none", privacy: null },
          automatic: { clipping: { function: "autoS" } },
        },
        grid: {
          "privacy.noiseMultiplier": [0.5, 2],
          model: [{ name: "mlp", inputShape: [16], outputs: 4 }, tinyModel],
        },
      }),
    );
    expect(grid).toMatchObject({ name: "study", base: folder });
    expect(grid.cells.map(({ name }) => name)).toEqual([
      "without-DP_model-mlp",
      "without-DP_model-2",
      "automatic_noiseMultiplier-0.5_model-mlp",
      "automatic_noiseMultiplier-0.5_model-2",
      "automatic_noiseMultiplier-2_model-mlp",
      "automatic_noiseMultiplier-2_model-2",
    ]);
    const [plain, , automatic] = grid.cells;
    expect(plain).toMatchObject({ variant: "without DP", values: { model: "mlp" }, config: { strategy: "none" } });
    expect(plain?.config.privacy).toBeUndefined();
    expect(automatic).toMatchObject({
      variant: "automatic",
      values: { model: "mlp", "privacy.noiseMultiplier": "0.5" },
      config: { privacy: { noiseMultiplier: 0.5, delta: 1e-5 }, clipping: { function: "autoS" } },
    });
  });

  it("takes values alone, variants alone and neither", () => {
    const names = (content: object) => readGrid(write(content)).cells.map(({ name }) => name);
    expect(
      names({ base, grid: { "optimizer.learningRate": [0.1, 1], "clipping.style": ["flat", "per-layer"] } }),
    ).toEqual([
      "learningRate-0.1_style-flat",
      "learningRate-0.1_style-per-layer",
      "learningRate-1_style-flat",
      "learningRate-1_style-per-layer",
    ]);
    expect(names({ base, variants: { "../up": {}, "two words": { epochs: 3 } } })).toEqual(["up", "two-words"]);
    expect(names({ base })).toEqual(["cell"]);
  });

  it("puts a value in the place of what was there, and changes all cells by `set` and the command line", () => {
    const content = {
      base,
      set: { epochs: 5, threads: 1 },
      grid: { optimizer: [{ type: "adam", learningRate: 0.01 }] },
    };
    const [cell] = readGrid(write(content), { steps: 7 }).cells;
    expect(cell?.name).toBe("optimizer-adam");
    expect(cell?.config).toMatchObject({ optimizer: { type: "adam" }, threads: 1, steps: 7 });
    expect(cell?.config.epochs).toBeUndefined();
    expect(cell?.values).toEqual({ optimizer: "adam" });
  });

  it("reads the base from its own file, where relative paths of the data start", () => {
    mkdirSync(join(folder, "inner"));
    write(base, join("inner", "base.json"));
    const grid = readGrid(write({ name: "mine", base: "inner/base.json" }));
    expect(grid).toMatchObject({ name: "mine", base: join(folder, "inner") });
  });

  it.each([
    [{ base, grids: {} }, /study\.grid\.json: unknown key 'grids', did you mean 'grid'\?/],
    [{ base, grid: { steps: [] } }, /grid\.steps: got \[\]; allowed: at least one/],
    [{ base, grid: { steps: 3 } }, /grid\.steps: got 3; allowed: a list of values/],
    [{ base: 3 }, /base: got 3; allowed: a configuration, or the path of its file/],
    [{ base: "none.json" }, /none\.json: there is no such file/],
    [{ base, variants: { one: 1 } }, /variants\.one: got 1; allowed: an object/],
    [{ base, grid: { "privacy.noyse": [1] } }, /cell noyse-1: privacy: unknown key 'noyse'/],
    [{ base, grid: { epochs: [2, -1] } }, /cell epochs--1: epochs: got -1; allowed/],
    [{ base, grid: { model: ["mlp", { name: "MLP" }] } }, /cell model-MLP: model\.name: got "MLP"; did you mean 'mlp'/],
    [
      { base, variants: { a: {}, "a!": {} } },
      /two cells are called a; allowed: values and variants whose names differ/,
    ],
    [
      { base, grid: { a: Array(200).fill(1), b: Array(200).fill(1) } },
      /grid: got 40000 combinations; allowed: at most 10000/,
    ],
    ["{", /study\.grid\.json: .*JSON/],
  ])("refuses %j in one line", (content, expected) => {
    const read = () => readGrid(write(content));
    expect(read).toThrow(expected);
    expect(read).toThrow(/^[^\n]*$/);
  });
});

describe("mergePatch", () => {
  // The examples of RFC 7396, appendix A.
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j is %j", (target, patch, result) => expect(mergePatch(target, patch)).toEqual(result));

  it("leaves what it was given alone, and prototypes too", () => {
    const target = { a: { b: 1 } };
    mergePatch(target, JSON.parse('{"a": {"b": 2}, "__proto__": {"polluted": 1}}'));
    replaceAt(target, ["__proto__", "polluted"], 1);
    expect(target).toEqual({ a: { b: 1 } });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

it("takesAway finds a key within what is taken away", () => {
  expect(takesAway({ privacy: null }, ["privacy", "noiseMultiplier"])).toBe(true);
  expect(takesAway({ privacy: { noiseMultiplier: null } }, ["privacy", "noiseMultiplier"])).toBe(true);
  expect(takesAway({ privacy: { delta: 1 } }, ["privacy", "noiseMultiplier"])).toBe(false);
  expect(takesAway({}, ["privacy"])).toBe(false);
});

it("replaceAt makes the objects on the way", () => {
  expect(replaceAt({ a: { b: 1, c: 2 } }, ["a", "b"], { d: 3 })).toEqual({ a: { c: 2, b: { d: 3 } } });
  expect(replaceAt({}, ["a", "b"], 1)).toEqual({ a: { b: 1 } });
});
