/** Scores of predicted classes: accuracy, Dice and the confusion matrix, over as many examples as one adds. */

import { checkKeys, checkKind, checkNumbers, describe } from "../arguments.js";
import { checkNumber } from "../privacy/check.js";

/** More than any model has outputs a position; the table of counts is their square. */
const CLASSES = { min: 1, max: 10_000, integer: true };

export interface SegmentationScores {
  /** Share of the positions whose predicted class is the true one, 0 … 1. */
  readonly pixelAccuracy: number;
  /** Mean of the classes' Dice coefficients that are not NaN, 0 … 1. */
  readonly meanDice: number;
  /** [classes] 2·|both| / (|true| + |predicted|), 0 … 1; NaN for a class that is neither. */
  readonly dice: readonly number[];
  /** [true class][predicted class]: numbers of positions. */
  readonly confusion: readonly (readonly number[])[];
}

export interface ConfusionOptions {
  /** Positions with this target do not count. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * Counts positions by true and predicted class. Positions with a target that is ignored, or that is no class, do not
 * count. Computed from records without noise: outside the guarantee wherever these are private.
 */
export class ConfusionMatrix {
  private readonly counts: Float64Array; // [true, predicted]

  /** @throws RangeError unless `classes` is a whole number ≥ 1. */
  constructor(
    readonly classes: number,
    private readonly options: ConfusionOptions = {},
  ) {
    checkNumber("classes", classes, CLASSES);
    checkKeys("options", options, ["ignoreIndex"]);
    const { ignoreIndex = -1 } = options;
    checkNumber("ignoreIndex", ignoreIndex, { min: -(2 ** 31), max: 2 ** 31 - 1, integer: true });
    this.counts = new Float64Array(classes * classes);
  }

  /**
   * Adds positions: their predicted classes (see `predictedClasses`) and their true ones.
   * @throws RangeError where the lengths differ or a prediction is no class, TypeError where a target is no number; nothing is
   * added then.
   */
  add(predicted: ArrayLike<number>, targets: ArrayLike<number>): void {
    checkNumbers("predicted", predicted);
    checkNumbers("targets", targets);
    if (predicted.length !== targets.length) {
      throw new RangeError(`targets: got ${targets.length}, expected ${predicted.length}, one a prediction`);
    }
    const wrong = firstWithout(predicted, (one) => this.isClass(one));
    if (wrong !== -1) {
      const expected = `a whole number from 0 to ${this.classes - 1}`;
      throw new RangeError(`predicted[${wrong}]: got class ${describe(predicted[wrong])}, expected ${expected}`);
    }
    const none = firstWithout(targets, (one) => typeof one === "number");
    if (none !== -1) throw new TypeError(`targets[${none}]: got ${describe(targets[none])}, expected a number`);
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as number;
      if (target === this.options.ignoreIndex || !this.isClass(target)) continue;
      const cell = target * this.classes + (predicted[i] as number);
      this.counts[cell] = (this.counts[cell] as number) + 1;
    }
  }

  /** Undefined as long as no position counts. */
  scores(): SegmentationScores | undefined {
    const { classes } = this;
    const rows = Array.from({ length: classes }, (_, k) =>
      Array.from(this.counts.subarray(k * classes, (k + 1) * classes)),
    );
    const predicted = rows.reduce(
      (sums, row) => sums.map((sum, k) => sum + (row[k] as number)),
      Array<number>(classes).fill(0),
    );
    const total = sumOf(predicted);
    if (total === 0) return undefined;
    const right = rows.map((row, k) => row[k] as number);
    const dice = right.map((both, k) => (2 * both) / (sumOf(rows[k] as number[]) + (predicted[k] as number)));
    const occurring = dice.filter((value) => !Number.isNaN(value));
    return {
      pixelAccuracy: sumOf(right) / total,
      meanDice: sumOf(occurring) / occurring.length,
      dice,
      confusion: rows,
    };
  }

  private isClass(value: number): boolean {
    return Number.isInteger(value) && value >= 0 && value < this.classes;
  }
}

/**
 * The class of the largest output of each position, the first of equals.
 * @param outputs [positions, classes], as `session.evaluate` returns them.
 * @throws TypeError for other outputs, RangeError for a number of classes that is none.
 */
export function predictedClasses(outputs: Float32Array, classes: number): Int32Array {
  checkKind("outputs", outputs, Float32Array);
  checkNumber("classes", classes, CLASSES);
  return Int32Array.from({ length: outputs.length / classes }, (_, row) => largest(outputs, row * classes, classes));
}

/** −1: all are. */
function firstWithout(values: ArrayLike<number>, isFine: (value: number) => boolean): number {
  return Array.prototype.findIndex.call(values, (value) => !isFine(value));
}

function largest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if ((values[from + i] as number) > (values[from + best] as number)) best = i;
  }
  return best;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
