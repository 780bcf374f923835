/** Mean loss and scores over a dataset: outside the guarantee wherever the dataset is private. */
import { checkMethods, checkSignal } from "../arguments.js";
import { checkDataset, type Dataset } from "../data/dataset.js";
import { prefetch, sliceExamples } from "../data/prefetch.js";
import { ConfusionMatrix, predictedClasses, type SegmentationScores } from "../metrics/index.js";
import type { Session } from "./session.js";

export interface EvaluationResult {
  readonly examples: number;
  /** NaN for an empty dataset. */
  readonly loss: number;
  /** Share of examples whose largest output is their class; undefined unless there is one class an example. */
  readonly accuracy?: number;
  /** Of pictures with one class a pixel, all pixels together but those that the loss ignores. Undefined otherwise. */
  readonly segmentation?: SegmentationScores;
  /** The same of the averaged parameters, where the run keeps an average. */
  readonly average?: EvaluationResult;
}

type EvaluatingSession = Pick<Session, "evaluate" | "loss">;

/**
 * Runs the whole dataset through the model in evaluation mode, slice by slice. Stops between slices on `signal`.
 * @param onWait told how many seconds each slice was waited for, as `prefetch` does.
 */
export async function evaluateDataset(
  session: EvaluatingSession,
  dataset: Dataset,
  signal?: AbortSignal,
  onWait?: (seconds: number) => void,
): Promise<EvaluationResult> {
  checkMethods("session", session, ["evaluate"], "a session, as createSession() returns it");
  checkDataset("dataset", dataset);
  if (signal !== undefined) checkSignal(signal);
  let loss = 0;
  const scores = scoresOf(dataset, session);
  for await (const { source } of prefetch(dataset, inOrder(dataset), undefined, onWait)) {
    signal?.throwIfAborted();
    if (!("size" in source) || source.size === 0) continue;
    const { outputs, losses } = await session.evaluate(source);
    for (const one of losses) loss += one;
    scores?.add(outputs, source.targets);
  }
  return { examples: dataset.size, loss: loss / dataset.size, ...scores?.result() };
}

interface Scores {
  add(outputs: Float32Array, targets: ArrayLike<number>): void;
  result(): Pick<EvaluationResult, "accuracy" | "segmentation">;
}

function scoresOf(dataset: Dataset, session: EvaluatingSession): Scores | undefined {
  if (dataset.targetKind !== "classes") return undefined;
  if (dataset.targetElements === 1) return new Accuracy();
  const isPicture = dataset.inputShape.length === 3;
  return isPicture ? new Segmentation(session.loss.attributes.ignoreIndex as number) : undefined;
}

class Accuracy implements Scores {
  private correct = 0;
  private examples = 0;

  add(outputs: Float32Array, targets: ArrayLike<number>): void {
    const predicted = predictedClasses(outputs, outputs.length / targets.length);
    this.correct += predicted.reduce((sum, one, i) => sum + Number(one === targets[i]), 0);
    this.examples += targets.length;
  }

  result(): Pick<EvaluationResult, "accuracy"> {
    return this.examples === 0 ? {} : { accuracy: this.correct / this.examples };
  }
}

class Segmentation implements Scores {
  private matrix: ConfusionMatrix | undefined;

  constructor(private readonly ignoreIndex: number) {}

  add(outputs: Float32Array, targets: ArrayLike<number>): void {
    const classes = outputs.length / targets.length;
    this.matrix ??= new ConfusionMatrix(classes, { ignoreIndex: this.ignoreIndex });
    this.matrix.add(predictedClasses(outputs, classes), targets);
  }

  result(): Pick<EvaluationResult, "segmentation"> {
    const segmentation = this.matrix?.scores();
    return segmentation ? { segmentation } : {};
  }
}

function* inOrder(dataset: Dataset): Generator<number[]> {
  const most = sliceExamples(dataset);
  for (let from = 0; from < dataset.size; from += most) {
    yield Array.from({ length: Math.min(most, dataset.size - from) }, (_, i) => from + i);
  }
}
