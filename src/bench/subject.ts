/** One workload under one strategy, ready to take steps: what a child process of the benchmark measures. */
import type { StrategyName } from "../native/binding.js";
import { sgd } from "../optimizers/index.js";
import type { Batch, BatchSource } from "../training/batch.js";
import { createSession, type Session } from "../training/session.js";
import { type Workload, workloadBatch } from "./workloads.js";

/** As in DP-SGD papers: C = 1, σ = 1. */
const THRESHOLD = 1;
const NOISE_MULTIPLIER = 1;
const LEARNING_RATE = 0.05;
/** More examples than this are made of the same ones again, slice by slice: memory is then the engine's alone. */
const MOST_EXAMPLES = 256;

export interface SubjectOptions {
  readonly strategy: StrategyName;
  /** Logical batch, ≥ 1. */
  readonly batch: number;
}

/** A session and its fixed batch. */
export class Subject {
  private constructor(
    readonly session: Session,
    private readonly slice: Batch,
    private readonly batch: number,
  ) {}

  static create(workload: Workload, { strategy, batch }: SubjectOptions): Subject {
    const model = workload.model();
    const session = createSession(model, {
      loss: workload.loss(),
      optimizer: sgd({ learningRate: LEARNING_RATE }),
      clipping: { function: "abadi", style: "flat", threshold: THRESHOLD },
      privacy: { noiseMultiplier: strategy === "none" ? 0 : NOISE_MULTIPLIER, expectedBatchSize: batch },
      strategy,
    });
    const slice = workloadBatch(workload, model.spec.inputShape, Math.min(batch, MOST_EXAMPLES));
    return new Subject(session, slice, batch);
  }

  /** Takes `steps` steps; the milliseconds of each. */
  async run(steps: number): Promise<number[]> {
    const times: number[] = [];
    for (let step = 0; step < steps; step++) {
      const start = performance.now();
      await this.session.step(this.source());
      times.push(performance.now() - start);
    }
    return times;
  }

  dispose(): void {
    this.session.dispose();
  }

  private source(): BatchSource {
    return this.batch === this.slice.size ? this.slice : repeated(this.slice, this.batch);
  }
}

/** `total` examples: the slice's, over and over. */
async function* repeated(slice: Batch, total: number): AsyncGenerator<Batch, void, void> {
  const elements = slice.inputs.length / slice.size;
  const classes = slice.targets.length / slice.size;
  for (let left = total; left > 0; left -= slice.size) {
    const size = Math.min(left, slice.size);
    const targets = slice.targets.subarray(0, size * classes);
    yield { inputs: slice.inputs.subarray(0, size * elements), targets, size };
  }
}
