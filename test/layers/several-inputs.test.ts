import { describe, expect, it } from "vitest";
import { type Layer, LayerError } from "../../src/graph/index.js";
import { add, concat, multiply } from "../../src/layers/index.js";
import { layerFromJSON } from "../../src/layers/model-json.js";

describe("layers of several inputs", () => {
  it.each<[string, Layer, number[][], number[], object]>([
    [
      "add",
      add(),
      [
        [2, 3],
        [2, 3],
        [2, 3],
      ],
      [2, 3],
      {},
    ],
    ["multiply", multiply(), [[4], [4]], [4], {}],
    [
      "concat",
      concat(),
      [
        [2, 3, 4],
        [1, 3, 4],
        [5, 3, 4],
      ],
      [8, 3, 4],
      { dimension: 0 },
    ],
    [
      "concat along rows",
      concat({ dimension: 1 }),
      [
        [2, 3],
        [2, 4],
      ],
      [2, 7],
      { dimension: 1 },
    ],
  ])("%s", (_, layer, inputs, output, attributes) => {
    const inferred = layer.infer(inputs, "3");
    expect(inferred).toEqual({ outputShape: output, attributes, parameters: [] });
    expect(layerFromJSON(JSON.parse(JSON.stringify(layer))).infer(inputs, "3")).toEqual(inferred);
  });

  it.each<[string, Layer, number[][], RegExp]>([
    ["add of one", add(), [[2]], /^layer '3' \(add\): it got 1 input; give it two or more/],
    ["multiply of none", multiply(), [], /it got 0 inputs; give it two or more/],
    ["add of shapes", add(), [[2, 3], [6]], /its inputs have shapes \[2, 3\] and \[6\]; give it values of one shape/],
    [
      "concat of shapes",
      concat(),
      [
        [2, 3],
        [2, 4],
      ],
      /shapes \[2, 3\] and \[2, 4\]; .* differ in dimension 0 alone/,
    ],
    ["concat of ranks", concat(), [[2], [2, 1]], /its inputs have shapes/],
    [
      "concat dimension",
      concat({ dimension: 2 }),
      [
        [2, 3],
        [2, 3],
      ],
      /no dimension 2 in \[2, 3\]; use one of 0 to 1/,
    ],
  ])("refusals: %s", (_, layer, inputs, message) => {
    expect(() => layer.infer(inputs, "3")).toThrow(LayerError);
    expect(() => layer.infer(inputs, "3")).toThrow(message);
  });
});
