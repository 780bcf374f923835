import { describe, expect, it } from "vitest";
import { GraphBuilder, sequential } from "../../src/graph/index.js";
import { conv2d, flatten, linear, relu } from "../../src/layers/index.js";

describe("sequential", () => {
  it("names parameters as torch.nn.Sequential, activations counted, and infers every shape", () => {
    const model = sequential([1, 8, 8], [conv2d(4, 3), relu(), flatten(), linear(5, { bias: false })]);
    expect(model.spec.inputShape).toEqual([1, 8, 8]);
    expect(model.spec.parameters).toEqual([
      { name: "0.weight", shape: [4, 1, 3, 3], trainable: true },
      { name: "0.bias", shape: [4], trainable: true },
      { name: "3.weight", shape: [5, 144], trainable: true },
    ]);
    expect(
      model.spec.nodes.map((node) => [node.kind, node.path, node.inputs, node.parameters, node.outputShape]),
    ).toEqual([
      ["Conv2d", "0", [0], [0, 1], [4, 6, 6]],
      ["ReLU", "1", [1], [], [4, 6, 6]],
      ["Flatten", "2", [2], [], [144]],
      ["Linear", "3", [3], [2, -1], [5]],
    ]);
    expect(model.outputShape).toEqual([5]);
    expect(model.parameterCount).toBe(4 * 9 + 4 + 5 * 144);
  });

  it("refuses to freeze by anything but a function", () => {
    expect(() => sequential([3], [linear(4)], { freeze: ["0.bias"] as never })).toThrow(
      "freeze: got an array of 1, expected a function",
    );
  });

  it("freezes layers by option and parameters by name", () => {
    const model = sequential([3], [linear(4, { freeze: true }), relu(), linear(2)], {
      freeze: (name) => name === "2.bias",
    });
    const trainable = (m: typeof model) => m.spec.parameters.filter((p) => p.trainable).map((p) => p.name);
    expect(trainable(model)).toEqual(["2.weight"]);
    expect(model.trainableParameterCount).toBe(8);
    expect(model.parameterCount).toBe(16 + 10);
    expect(trainable(model.withFrozen((name) => name.startsWith("2.")))).toEqual([]);
  });

  it("gives the same layer object parameters of its own wherever it stands", () => {
    const layer = linear(3);
    expect(sequential([3], [layer, layer]).spec.parameters.map((p) => p.name)).toEqual([
      "0.weight",
      "0.bias",
      "1.weight",
      "1.bias",
    ]);
  });
});

describe("tied layers", () => {
  it("use the parameters of an earlier layer, all of them or by name", () => {
    const model = sequential([4], [linear(4), linear(4, { tie: "0" }), linear(4, { tie: { weight: "1.weight" } })]);
    expect(model.spec.parameters.map((p) => p.name)).toEqual(["0.weight", "0.bias", "2.bias"]);
    expect(model.spec.nodes.map((node) => node.parameters)).toEqual([
      [0, 1],
      [0, 1],
      [0, 2],
    ]);
    expect(model.parameterCount).toBe(16 + 4 + 4);
    expect(model.initialise({ uniform: () => 0.5 }).map((values) => values.length)).toEqual([16, 4, 4]);
    expect([...model.aliases]).toEqual([
      ["1.weight", "0.weight"],
      ["1.bias", "0.bias"],
      ["2.weight", "0.weight"],
    ]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      "to a layer that is not there",
      () => sequential([4], [linear(4), linear(4, { tie: "head" })]),
      /^tie: there is no parameter 'head\.weight' before '1\.weight'; allowed are 0\.weight, 0\.bias$/,
    ],
    [
      "to a layer behind it",
      () => sequential([4], [linear(4, { tie: "1" }), linear(4)]),
      /there is no parameter '1\.weight' before '0\.weight'; it is the first that has any/,
    ],
    [
      "to a bias that the other has not",
      () => sequential([4], [linear(4, { bias: false }), linear(4, { tie: "0" })]),
      /there is no parameter '0\.bias' before '1\.bias'; allowed are 0\.weight/,
    ],
    [
      "to another shape",
      () => sequential([3], [linear(4), linear(4, { tie: "0" })]),
      /'1\.weight' has shape \[4, 4\], and '0\.weight' \[4, 3\]; tie parameters of one shape/,
    ],
    [
      "a parameter that it has not",
      () => sequential([4], [linear(4), linear(4, { tie: { weigth: "0.weight" } })]),
      /^layer '1': tie: it has no parameter 'weigth'; allowed are weight, bias$/,
    ],
    [
      "nothing",
      () => sequential([4], [linear(4), linear(4, { tie: {} })]),
      /layer '1': tie: it has no parameters to tie/,
    ],
    [
      "and frozen",
      () => sequential([4], [linear(4), linear(4, { tie: "0", freeze: true })]),
      /^layer '1': freeze: '0\.weight' is not its own; freeze the layer that has it/,
    ],
    [
      "with a number",
      () => sequential([4], [linear(4), linear(4, { tie: 0 as never })]),
      /linear\.tie: expected an earlier layer's name, or parameter by parameter .* \(got 0\)/,
    ],
  ])("are refused: %s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});

describe("GraphBuilder", () => {
  it("takes names, and prefixes parameters with them", () => {
    const graph = new GraphBuilder();
    const hidden = graph.add(linear(4), graph.input([3]), "body.hidden");
    const model = graph.build(graph.add(linear(2), [hidden], "head"));
    expect(model.spec.parameters.map((p) => p.name)).toEqual([
      "body.hidden.weight",
      "body.hidden.bias",
      "head.weight",
      "head.bias",
    ]);
    expect(model.spec.nodes.map((node) => node.inputs)).toEqual([[0], [1]]);
  });

  it.each([
    ["a shape with a zero", () => new GraphBuilder().input([3, 0]), /input: got \[3,0\]; allowed is a list of 1 to 4/],
    ["an empty shape", () => new GraphBuilder().input([]), /input: got \[\]/],
    ["five dimensions", () => new GraphBuilder().input([1, 1, 1, 1, 1]), /1 to 4 positive whole numbers/],
    ["a fraction", () => new GraphBuilder().input([1.5]), /got \[1.5\]/],
    [
      "a second input",
      () => {
        const graph = new GraphBuilder();
        graph.input([3]);
        graph.input([3]);
      },
      /the model has one already/,
    ],
    [
      "a name twice",
      () => {
        const graph = new GraphBuilder();
        graph.add(relu(), graph.add(relu(), graph.input([3]), "a"), "a");
      },
      /name 'a': is taken/,
    ],
    [
      "the input's name",
      () => {
        const graph = new GraphBuilder();
        graph.add(relu(), graph.input([3]), "input");
      },
      /name 'input': is taken/,
    ],
    [
      "a name with spaces",
      () => {
        const graph = new GraphBuilder();
        graph.add(relu(), graph.input([3]), "my layer");
      },
      /name 'my layer': allowed are letters/,
    ],
    [
      "a value of another builder",
      () => {
        const graph = new GraphBuilder();
        graph.input([3]);
        graph.add(relu(), new GraphBuilder().input([3]));
      },
      /'0': an input is no value of this builder/,
    ],
    [
      "two inputs for a layer that takes one",
      () => {
        const graph = new GraphBuilder();
        const input = graph.input([3]);
        graph.add(relu(), [input, input]);
      },
      /layer '0' \(relu\): it got 2 inputs; give it exactly one/,
    ],
    [
      "an output that goes nowhere",
      () => {
        const graph = new GraphBuilder();
        const input = graph.input([3]);
        graph.add(relu(), input, "dead");
        graph.build(graph.add(relu(), input));
      },
      /layer 'dead': its output goes nowhere/,
    ],
    [
      "an output that is not the last layer's",
      () => {
        const graph = new GraphBuilder();
        const first = graph.add(relu(), graph.input([3]));
        graph.add(relu(), first);
        graph.build(first);
      },
      /output is '0', but '1' was added last/,
    ],
    [
      "no layers",
      () => {
        const graph = new GraphBuilder();
        graph.build(graph.input([3]));
      },
      /the model has no layers/,
    ],
  ])("refuses %s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});
