import { expect, it } from "vitest";
import { scoresInLine, scoresOf } from "../../src/cli/scores.js";

const result = { examples: 3, loss: 1 };
const segmentation = { pixelAccuracy: 0.9512, meanDice: 0.71346, dice: [0.71346], confusion: [[1]] };

it("scores on the terminal: accuracy of classes, Dice and accuracy of pixels, or none", () => {
  expect(scoresOf({ ...result, accuracy: 0.971 })).toEqual([["accuracy", "97.10 %"]]);
  expect(scoresInLine({ ...result, accuracy: 0.971 })).toBe(", test accuracy 97.10 %");
  expect(scoresInLine({ ...result, segmentation })).toBe(", test Dice 0.7135, test pixel accuracy 95.12 %");
  const average = { ...result, accuracy: 0.98 };
  expect(scoresOf({ ...result, accuracy: 0.971, average })).toEqual([
    ["accuracy", "97.10 %"],
    ["accuracy of the average", "98.00 %"],
  ]);
  expect(scoresInLine(result)).toBe("");
  expect(scoresInLine(undefined)).toBe("");
});
