/** Scores of a model's predictions. */
export { ConfusionMatrix, type ConfusionOptions, predictedClasses, type SegmentationScores } from "./confusion.js";
