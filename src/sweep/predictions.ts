/** What the runs of a sweep predict for one picture, where they give every pixel a class. */
import type { Dataset } from "../data/dataset.js";
import { makeTargets } from "../data/dataset.js";
import { predictedClasses } from "../metrics/index.js";
import { readCheckpoint } from "../training/checkpoint-seal.js";
import { buildModel } from "../training/model-config.js";
import { makeSession } from "../training/prepare.js";
import { runPaths } from "../training/run-directory.js";
import type { CellRun } from "./runs.js";

/** One example and its predictions: records, and what models that saw records make of it. Outside ε. */
export interface Predictions {
  /** In the dataset. */
  readonly index: number;
  readonly height: number;
  readonly width: number;
  /** [height·width] of the first channel, normalised. */
  readonly picture: Float32Array;
  /** [height·width] classes. */
  readonly truth: Int32Array;
  readonly predicted: readonly { readonly run: CellRun; readonly classes: Int32Array }[];
}

/** Whether examples are pictures with a class for every pixel. */
export function isSegmentation({ targetKind, targetElements, inputShape }: Dataset): boolean {
  const [, height = 0, width = 0] = inputShape;
  return inputShape.length === 3 && targetKind === "classes" && targetElements === height * width && targetElements > 1;
}

/**
 * The example of `dataset` with the most classes, as every run sees it. All runs take this dataset's examples.
 * Rejects with a DataError where a checkpoint is damaged or missing.
 */
export async function predict(runs: readonly CellRun[], dataset: Dataset): Promise<Predictions> {
  const { index, inputs, targets } = await richest(dataset);
  const [, height = 0, width = 0] = dataset.inputShape;
  const predicted: { run: CellRun; classes: Int32Array }[] = [];
  for (const run of runs) predicted.push({ run, classes: await predictionOf(run, inputs, targets) });
  return { index, height, width, picture: inputs.slice(0, height * width), truth: targets, predicted };
}

interface Example {
  readonly index: number;
  readonly inputs: Float32Array;
  readonly targets: Int32Array;
}

async function richest(dataset: Dataset): Promise<Example> {
  let best: (Example & { readonly classes: number }) | undefined;
  for (let index = 0; index < dataset.size; index++) {
    const inputs = new Float32Array(dataset.inputShape.reduce((product, side) => product * side, 1));
    const targets = makeTargets(dataset, 1) as Int32Array;
    await dataset.read([index], inputs, targets);
    const classes = new Set(targets).size;
    if (!best || classes > best.classes) best = { index, inputs, targets, classes };
  }
  if (!best) throw new RangeError("dataset: no examples, at least one expected");
  return best;
}

async function predictionOf(
  { config, folder }: CellRun,
  inputs: Float32Array,
  targets: Int32Array,
): Promise<Int32Array> {
  const { tensors } = readCheckpoint(runPaths(folder).checkpoint);
  const session = makeSession(config, buildModel(config));
  try {
    const parameters = [...tensors].map(([name, { shape, values }]) => [name, { shape, data: values as Float32Array }]);
    session.loadParameters(Object.fromEntries(parameters));
    const { outputs } = await session.evaluate({ inputs, targets, size: 1 });
    return predictedClasses(outputs, outputs.length / targets.length);
  } finally {
    session.dispose();
  }
}
