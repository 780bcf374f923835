/** Mean loss and accuracy over a dataset: outside the guarantee wherever the dataset is private. */
import type { Dataset } from "../data/dataset.js";
import { prefetch, sliceExamples } from "../data/prefetch.js";
import type { Session } from "./session.js";

export interface EvaluationResult {
  readonly examples: number;
  /** NaN for an empty dataset. */
  readonly loss: number;
  /** Share of examples whose largest output is their class; undefined unless there is one class an example. */
  readonly accuracy?: number;
}

type EvaluatingSession = Pick<Session, "evaluate">;

/**
 * Runs the whole dataset through the model in evaluation mode, slice by slice. Stops between slices on `signal`.
 * @param onRead told how many seconds each slice took to read, as `prefetch` does.
 */
export async function evaluateDataset(
  session: EvaluatingSession,
  dataset: Dataset,
  signal?: AbortSignal,
  onRead?: (seconds: number) => void,
): Promise<EvaluationResult> {
  let loss = 0;
  let correct = 0;
  let classified = 0;
  for await (const { source } of prefetch(dataset, inOrder(dataset), undefined, onRead)) {
    signal?.throwIfAborted();
    if (!("size" in source) || source.size === 0) continue;
    const { outputs, losses } = await session.evaluate(source);
    for (const one of losses) loss += one;
    if (dataset.targetKind !== "classes" || dataset.targetElements !== 1) continue;
    correct += countCorrect(outputs, source.targets);
    classified += source.size;
  }
  const mean = { examples: dataset.size, loss: loss / dataset.size };
  return classified === 0 ? mean : { ...mean, accuracy: correct / classified };
}

function* inOrder(dataset: Dataset): Generator<number[]> {
  const most = sliceExamples(dataset);
  for (let from = 0; from < dataset.size; from += most) {
    yield Array.from({ length: Math.min(most, dataset.size - from) }, (_, i) => from + i);
  }
}

function countCorrect(outputs: Float32Array, targets: ArrayLike<number>): number {
  const classes = outputs.length / targets.length;
  let correct = 0;
  for (let row = 0; row < targets.length; row++) {
    if (largest(outputs, row * classes, classes) === targets[row]) correct++;
  }
  return correct;
}

function largest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if ((values[from + i] as number) > (values[from + best] as number)) best = i;
  }
  return best;
}
