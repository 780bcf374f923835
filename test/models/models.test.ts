import { describe, expect, it } from "vitest";
import { modelFromJSON } from "../../src/layers/model-json.js";
import { dpcnn, mlp, mnistCnn, modelByName, modelNames } from "../../src/models/index.js";

describe("ready-made models", () => {
  // Numbers of parameters as PyTorch counts them.
  it.each([
    ["mlp", 1_796_010, [1, 28, 28], ["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"]],
    ["mnist-cnn", 26_010, [1, 28, 28], ["0", "3", "7", "9"].flatMap((path) => [`${path}.weight`, `${path}.bias`])],
    [
      "dpcnn",
      550_570,
      [3, 32, 32],
      ["0", "2", "5", "7", "10", "12", "16", "18"].flatMap((path) => [`${path}.weight`, `${path}.bias`]),
    ],
  ])("%s", (name, count, inputShape, parameters) => {
    const model = modelByName(name);
    expect(model.parameterCount).toBe(count);
    expect(model.inputShape).toEqual(inputShape);
    expect(model.outputShape).toEqual([10]);
    expect(model.spec.parameters.map((parameter) => parameter.name)).toEqual(parameters);
    expect(modelFromJSON(model.toJSON()).spec).toEqual(model.spec);
  });

  it("take options", () => {
    expect(mlp({ inputShape: [4], hidden: [3], outputs: 2 }).parameterCount).toBe(4 * 3 + 3 + 3 * 2 + 2);
    expect(mnistCnn({ classes: 7 }).outputShape).toEqual([7]);
    expect(dpcnn({ classes: 100 }).outputShape).toEqual([100]);
  });

  it("refuse options and names that they do not know", () => {
    expect(modelNames).toEqual(["mlp", "mnist-cnn", "dpcnn"]);
    expect(() => mlp({ width: 3 } as never)).toThrow(
      /mlp: unknown key 'width'; allowed are inputShape, hidden, outputs/,
    );
    expect(() => mlp({ hidden: [0] })).toThrow(/mlp\.hidden\.0: .*\(got 0\)/);
    expect(() => modelByName("resnet")).toThrow(/model: unknown name "resnet"; allowed are mlp, mnist-cnn, dpcnn/);
  });
});
