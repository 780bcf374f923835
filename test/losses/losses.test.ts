import { describe, expect, it } from "vitest";
import {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  type Loss,
  lossFromJSON,
  meanSquaredError,
} from "../../src/losses/index.js";

describe("losses", () => {
  it.each<[Loss, string, object, string]>([
    [crossEntropy(), "crossEntropy", { ignoreIndex: -100, labelSmoothing: 0 }, "classes"],
    [
      crossEntropy({ ignoreIndex: 0, labelSmoothing: 0.1 }),
      "crossEntropy",
      { ignoreIndex: 0, labelSmoothing: 0.1 },
      "classes",
    ],
    [binaryCrossEntropyWithLogits(), "binaryCrossEntropyWithLogits", { positiveWeight: 1 }, "values"],
    [
      binaryCrossEntropyWithLogits({ positiveWeight: 3 }),
      "binaryCrossEntropyWithLogits",
      { positiveWeight: 3 },
      "values",
    ],
    [meanSquaredError(), "meanSquaredError", {}, "values"],
  ])("%j", (loss, kind, attributes, targetKind) => {
    expect(loss).toMatchObject({ kind, attributes, targetKind });
    expect(Object.keys(loss.attributes)).toEqual(Object.keys(attributes));
    expect(lossFromJSON(JSON.parse(JSON.stringify(loss)))).toMatchObject({ kind, attributes, targetKind });
  });

  it.each<[string, () => Loss, RegExp]>([
    [
      "label smoothing",
      () => crossEntropy({ labelSmoothing: 1.5 }),
      /crossEntropy\.labelSmoothing: .*<=1 \(got 1\.5\)/,
    ],
    ["ignore index", () => crossEntropy({ ignoreIndex: 0.5 }), /crossEntropy\.ignoreIndex: .*\(got 0\.5\)/],
    ["positive weight", () => binaryCrossEntropyWithLogits({ positiveWeight: 0 }), /positiveWeight: .*>0 \(got 0\)/],
    [
      "an unknown option",
      () => crossEntropy({ weight: [1] } as never),
      /crossEntropy: unknown key 'weight'; allowed are ignoreIndex, labelSmoothing/,
    ],
    [
      "an unknown loss",
      () => lossFromJSON({ type: "hinge" }),
      /loss\.type: unknown loss type "hinge"; allowed are crossEntropy/,
    ],
  ])("refuses %s", (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});
