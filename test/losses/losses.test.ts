import { describe, expect, it } from "vitest";
import {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  dice,
  diceCrossEntropy,
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
    [
      crossEntropy({ classWeights: [1, 0, 2.5] }),
      "crossEntropy",
      { ignoreIndex: -100, labelSmoothing: 0, classWeights: [1, 0, 2.5] },
      "classes",
    ],
    [dice(), "dice", { ignoreIndex: -100, smooth: 1, includeBackground: 1 }, "classes"],
    [
      dice({ includeBackground: false, smooth: 0.1, ignoreIndex: 255 }),
      "dice",
      { ignoreIndex: 255, smooth: 0.1, includeBackground: 0 },
      "classes",
    ],
    [
      diceCrossEntropy({ classWeights: [1, 2], diceWeight: 0.5 }),
      "diceCrossEntropy",
      {
        ignoreIndex: -100,
        labelSmoothing: 0,
        classWeights: [1, 2],
        smooth: 1,
        includeBackground: 1,
        crossEntropyWeight: 1,
        diceWeight: 0.5,
      },
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
      "a negative class weight",
      () => crossEntropy({ classWeights: [1, -1] }),
      /crossEntropy\.classWeights\.1: .*>=0 \(got -1\)/,
    ],
    ["no class weights", () => crossEntropy({ classWeights: [] }), /crossEntropy\.classWeights: /],
    ["smoothing of 0", () => dice({ smooth: 0 }), /dice\.smooth: .*>0 \(got 0\)/],
    ["a background of 1", () => dice({ includeBackground: 1 as never }), /dice\.includeBackground: .*\(got 1\)/],
    ["a negative weight", () => diceCrossEntropy({ diceWeight: -1 }), /diceCrossEntropy\.diceWeight: .*\(got -1\)/],
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
