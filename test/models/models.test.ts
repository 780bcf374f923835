import { describe, expect, it } from "vitest";
import { modelFromJSON } from "../../src/layers/model-json.js";
import {
  cnn,
  dpcnn,
  mlp,
  mnistCnn,
  modelByName,
  modelNames,
  nestedUnet,
  resnet18,
  unet,
  vgg11,
  wideResnet,
} from "../../src/models/index.js";

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
    expect(resnet18().parameterCount).toBe(11_173_962);
    expect(unet().parameterCount).toBe(7_762_729);
    expect(nestedUnet().parameterCount).toBe(9_163_017);
    expect(resnet18({ inputShape: [1, 64, 48], width: 8, groups: 4 }).parameterCount).toBe(176_258);
    expect(unet({ inputShape: [3, 48, 32], classes: 2, features: 8 }).outputShape).toEqual([48 * 32, 2]);
    expect(wideResnet().parameterCount).toBe(2_748_890);
    expect(() => wideResnet({ depth: 18 })).toThrow(/wide-resnet\.depth: expected 10, 16, 22, 28, … \(got 18\)/);
    expect(vgg11({ hidden: [], groups: 0 }).spec.parameters.at(-2)?.name).toBe("classifier.0.weight");
  });

  it("refuse pictures that their stages cannot halve", () => {
    expect(() => unet({ inputShape: [1, 100, 64] })).toThrow(
      /^unet\.inputShape: got \[1, 100, 64\]; allowed are heights and widths that 16 divides/,
    );
    expect(() => nestedUnet({ inputShape: [1, 8, 16] })).toThrow(/^nested-unet\.inputShape: got \[1, 8, 16\]/);
    expect(() => vgg11({ inputShape: [3, 32, 20] })).toThrow(
      /^vgg11\.inputShape: got \[3, 32, 20\]; allowed are heights and widths of 32 or more/,
    );
    expect(vgg11({ inputShape: [3, 33, 47] }).outputShape).toEqual([10]);
    expect(resnet18({ inputShape: [3, 32, 32], stem: "imagenet" }).outputShape).toEqual([10]);
  });

  it("cnn: channels, kernels, pools and linear layers", () => {
    const model = cnn({ inputShape: [2, 9, 8], channels: [3, 4], kernels: [5, 2], pool: 1, hidden: [], classes: 6 });
    expect(model.spec.parameters.map(({ name, shape }) => [name, [...shape]])).toEqual([
      ["0.weight", [3, 2, 5, 5]],
      ["0.bias", [3]],
      ["2.weight", [4, 3, 2, 2]],
      ["2.bias", [4]],
      ["5.weight", [6, 4 * 10 * 9]],
      ["5.bias", [6]],
    ]);
    expect(cnn({ activation: "tanh" }).spec.nodes.filter(({ kind }) => kind === "Tanh")).toHaveLength(3);
    expect(() => cnn({ kernels: [3] })).toThrow(/cnn\.kernels: got 1 of them for 2 channels; allowed is one/);
  });

  it.each(modelNames.map((name) => [name]))("%s survives its JSON form", (name) => {
    const model = modelByName(name);
    expect(modelFromJSON(JSON.parse(JSON.stringify(model))).spec).toEqual(model.spec);
  });

  it("refuse options and names that they do not know", () => {
    expect(modelNames).toEqual(
      "mlp mnist-cnn cnn dpcnn resnet18 resnet34 resnet50 resnet101 vgg11 vgg13 vgg16 vgg19 unet wide-resnet nested-unet".split(
        " ",
      ),
    );
    expect(() => mlp({ width: 3 } as never)).toThrow(
      /mlp: unknown key 'width'; allowed are inputShape, hidden, outputs/,
    );
    expect(() => mlp({ hidden: [0] })).toThrow(/mlp\.hidden\.0: .*\(got 0\)/);
    expect(() => modelByName("resnet")).toThrow(
      /model: unknown name "resnet"; allowed are mlp, mnist-cnn, cnn, dpcnn, resnet18, /,
    );
  });
});
