import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfusionMatrix, predictedClasses, type SegmentationScores } from "../../src/metrics/index.js";

interface Fixture extends Omit<SegmentationScores, "dice"> {
  readonly classes: number;
  readonly ignoreIndex: number;
  readonly targets: number[];
  readonly predicted: number[];
  readonly dice: (number | null)[];
}

const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/metrics/segmentation.json"), "utf8"),
) as Fixture;

describe("ConfusionMatrix", () => {
  it("scores as scikit-learn does, however the positions are cut", () => {
    const { classes, ignoreIndex, targets, predicted } = fixture;
    const matrix = new ConfusionMatrix(classes, { ignoreIndex });
    for (const [from, to] of [
      [0, 7],
      [7, 7],
      [7, 300],
    ]) {
      matrix.add(predicted.slice(from, to), Int32Array.from(targets.slice(from, to)));
    }
    const scores = matrix.scores() as SegmentationScores;
    expect(scores.confusion).toEqual(fixture.confusion);
    expect(scores.pixelAccuracy).toBeCloseTo(fixture.pixelAccuracy, 12);
    expect(scores.meanDice).toBeCloseTo(fixture.meanDice, 12);
    fixture.dice.forEach((dice, k) => {
      if (dice === null) expect(scores.dice[k]).toBeNaN();
      else expect(scores.dice[k]).toBeCloseTo(dice, 12);
    });
  });

  it("does not count what is ignored or no class, and has no scores of nothing", () => {
    const matrix = new ConfusionMatrix(2, { ignoreIndex: 1 });
    matrix.add([0, 0, 1, 1], [1, 2, -1, 0.5]);
    expect(matrix.scores()).toBeUndefined();
    matrix.add([1], [0]);
    expect(matrix.scores()).toEqual({
      pixelAccuracy: 0,
      meanDice: 0,
      dice: [0, 0],
      confusion: [
        [0, 1],
        [0, 0],
      ],
    });
  });

  it.each<[string, () => void, string]>([
    ["no classes", () => new ConfusionMatrix(0), "classes must be an integer in [1, 10000], got 0"],
    ["half a class", () => new ConfusionMatrix(1.5), "classes must be an integer in [1, 10000], got 1.5"],
    [
      "lengths that differ",
      () => new ConfusionMatrix(2).add([0, 1], [0]),
      "targets: got 1, expected 2, one a prediction",
    ],
    [
      "a prediction that is no class",
      () => new ConfusionMatrix(2).add([0, 2], [0, 0]),
      "predicted[1]: got class 2, expected a whole number from 0 to 1",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });
});

it("predictedClasses takes the first of the largest outputs", () => {
  expect(predictedClasses(Float32Array.of(1, 3, 2, 5, 5, 4, -1, -2, Number.NaN), 3)).toEqual(Int32Array.of(1, 0, 0));
});
