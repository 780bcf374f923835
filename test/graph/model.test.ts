import { describe, expect, it } from "vitest";
import { GraphBuilder, sequential } from "../../src/graph/index.js";
import { conv2d, flatten, groupNorm, linear, tanh } from "../../src/layers/index.js";
import { modelFromJSON } from "../../src/layers/model-json.js";

/** Repeats a cycle of values: enough to see where each one goes. */
const cycle = (...values: number[]) => {
  let next = 0;
  return { uniform: () => values[next++ % values.length] as number };
};

describe("initialise", () => {
  it("fills weights and biases uniformly within 1/√fanIn, as PyTorch does", () => {
    const model = sequential([2, 5, 5], [conv2d(3, 3, { groups: 1 }), flatten(), linear(4)]);
    const bounds = [1 / Math.sqrt(2 * 9), 1 / Math.sqrt(2 * 9), 1 / Math.sqrt(27), 1 / Math.sqrt(27)];
    const low = model.initialise(cycle(0));
    const middle = model.initialise(cycle(0.5));
    low.forEach((values, i) => {
      expect(values.every((value) => value === Math.fround(-(bounds[i] as number)))).toBe(true);
      expect(middle[i]?.every((value) => value === 0)).toBe(true);
    });
    expect(low.map((values) => values.length)).toEqual([54, 3, 108, 4]);
  });

  it("counts a group's own channels as the fan-in of a grouped convolution", () => {
    const [weight] = sequential([4, 3, 3], [conv2d(4, 3, { groups: 2 })]).initialise(cycle(0));
    expect(weight?.[0]).toBe(Math.fround(-1 / Math.sqrt(18)));
  });

  it("starts normalisations at weight 1 and bias 0, and draws every value afresh", () => {
    const [weight, bias] = sequential([4, 3, 3], [groupNorm(2)]).initialise(cycle(0.3));
    expect([...(weight ?? [])]).toEqual([1, 1, 1, 1]);
    expect([...(bias ?? [])]).toEqual([0, 0, 0, 0]);
    const [linearWeight] = sequential([1], [linear(4)]).initialise(cycle(0, 0.25, 0.5, 0.75));
    expect([...(linearWeight ?? [])]).toEqual([-1, -0.5, 0, 0.5]);
  });
});

describe("JSON", () => {
  it("gives the same model back, defaults filled in", () => {
    const model = sequential([1, 6, 6], [conv2d(2, 3, { freeze: true }), tanh(), flatten(), linear(3)], {
      freeze: (name) => name === "3.bias",
    });
    const json: unknown = JSON.parse(JSON.stringify(model));
    expect(json).toEqual({
      inputShape: [1, 6, 6],
      layers: [
        {
          type: "conv2d",
          outChannels: 2,
          kernelSize: [3, 3],
          stride: [1, 1],
          padding: [0, 0],
          dilation: [1, 1],
          groups: 1,
          bias: true,
          weightStandardization: false,
          freeze: true,
        },
        { type: "tanh" },
        { type: "flatten" },
        { type: "linear", outFeatures: 3, bias: true },
      ],
      frozen: ["3.bias"],
    });
    expect(modelFromJSON(json).spec).toEqual(model.spec);
    expect(JSON.stringify(modelFromJSON(json))).toBe(JSON.stringify(model));
  });

  it("keeps what is tied", () => {
    const model = sequential([4], [linear(4), linear(4, { tie: "0" }), linear(4, { tie: { bias: "0.bias" } })]);
    const again = modelFromJSON(JSON.parse(JSON.stringify(model)));
    expect(again.spec).toEqual(model.spec);
    expect([...again.aliases]).toEqual([...model.aliases]);
  });

  it("keeps names and wiring where they differ from the position", () => {
    const graph = new GraphBuilder();
    const body = graph.add(linear(4), graph.input([3]), "body");
    const model = graph.build(graph.add(linear(2), graph.add(tanh(), body)));
    const json = model.toJSON();
    expect(json.layers.map((layer) => [layer.name, layer.inputs])).toEqual([
      ["body", undefined],
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(modelFromJSON(json).spec).toEqual(model.spec);
    const named = {
      inputShape: [3],
      layers: [
        { type: "tanh", name: "a" },
        { type: "tanh", inputs: ["a"] },
      ],
    };
    expect(modelFromJSON(named).spec.nodes.map((node) => [node.path, node.inputs])).toEqual([
      ["a", [0]],
      ["1", [1]],
    ]);
  });

  it.each([
    [
      "an unknown key",
      { inputShape: [3], layers: [{ type: "relu", slope: 1 }] },
      /model\.layers\.0: unknown key 'slope'/,
    ],
    ["a missing option", { inputShape: [3], layers: [{ type: "linear" }] }, /model\.layers\.0\.outFeatures/],
    [
      "an unknown type",
      { inputShape: [3], layers: [{ type: "lstm" }] },
      /unknown layer type "lstm"; allowed are linear, conv2d/,
    ],
    [
      "an unknown input",
      { inputShape: [3], layers: [{ type: "relu", inputs: ["x"] }] },
      /there is no layer 'x' before; allowed are input/,
    ],
    [
      "an unknown frozen parameter",
      { inputShape: [3], layers: [{ type: "relu" }], frozen: ["0.weight"] },
      /no parameter '0\.weight'/,
    ],
    ["no layers", { inputShape: [3], layers: [] }, /model\.layers/],
    ["no object", 3, /model: .*\(got 3\)/],
  ])("refuses %s", (_, json, message) => {
    expect(() => modelFromJSON(json)).toThrow(message);
  });
});
