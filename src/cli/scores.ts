/** Scores on test data as the terminal shows them. */
import type { EvaluationResult } from "../training/evaluate.js";

/** Names and values: `accuracy` of classes; `Dice` and `pixel accuracy` of pictures with one class a pixel. */
export function scoresOf(test: EvaluationResult | undefined): [string, string][] {
  const ofAverage = ownScores(test?.average).map(([name, score]): [string, string] => [
    `${name} of the average`,
    score,
  ]);
  return [...ownScores(test), ...ofAverage];
}

function ownScores(test: EvaluationResult | undefined): [string, string][] {
  if (test?.accuracy !== undefined) return [["accuracy", percent(test.accuracy)]];
  if (test?.segmentation === undefined) return [];
  const { meanDice, pixelAccuracy } = test.segmentation;
  return [
    ["Dice", meanDice.toFixed(4)],
    ["pixel accuracy", percent(pixelAccuracy)],
  ];
}

/** `, test accuracy 97.10 %`; empty without scores. */
export function scoresInLine(test: EvaluationResult | undefined): string {
  return scoresOf(test)
    .map(([name, value]) => `, test ${name} ${value}`)
    .join("");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
