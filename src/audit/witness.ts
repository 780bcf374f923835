/**
 * The adversary of the guarantee: sees the model after each step of a run of plain SGD, knows every record but the
 * canaries and, since the run's seed is the auditor's, which of the known ones each step drew (add/remove accounting
 * allows that: it holds for each such draw). What the known examples added is taken off, so that
 *
 *     residual = (q·N·(θ_{t−1} − θ_t)/η − Σ clipped gradients of known examples drawn) / S
 *
 * is the noise, of deviation σ, and the canaries that were drawn.
 */
import { PoissonSampler } from "../data/poisson.js";
import { prefetch } from "../data/prefetch.js";
import { adaptiveRule } from "../privacy/adaptive-threshold.js";
import { RandomKeys } from "../privacy/random.js";
import { sensitivity } from "../privacy/sensitivity.js";
import { ClippingState } from "../training/clipping-state.js";
import { clippingOf, type TrainingConfig } from "../training/config.js";
import type { StepEvent } from "../training/events.js";
import type { Session } from "../training/session.js";
import type { Tensors } from "../training/tensors.js";
import type { RunWatcher, WatchedSession } from "../training/trainer.js";
import type { TrainingPlan } from "../training/training-plan.js";
import type { AuditDataset } from "./dataset.js";

export interface NoisySum {
  /** Counts from 1. */
  readonly step: number;
  /** [trainable coordinates], in units of S. Written over by the next step. */
  readonly residual: Float64Array;
  /** Of the noise in it: the σ that was claimed. */
  readonly deviation: number;
  /** S of the step. */
  readonly sensitivity: number;
}

export interface WitnessOptions {
  /** A session like the run's, of the same seed and so with its dropout; its thresholds do not move by themselves. */
  readonly observer: Session;
  readonly config: TrainingConfig & { readonly seed: number };
  readonly plan: TrainingPlan;
  readonly dataset: AuditDataset;
  /** Examples 0 … known − 1 are known, the others are canaries. */
  readonly known: number;
  /** Where every run begins, so that the canaries are what they were made for: chosen without the data, so no leak. */
  readonly start: Tensors;
  /** Called after each step; the observer then stands where the step began. */
  readonly onStep: (sum: NoisySum) => Promise<void>;
}

export class Witness implements RunWatcher {
  private readonly sampler: PoissonSampler;
  private before: Tensors = {};
  private residual = new Float64Array(0);

  constructor(private readonly options: WitnessOptions) {
    const { config, plan, dataset } = options;
    this.sampler = new PoissonSampler({
      datasetSize: dataset.size,
      samplingRate: plan.samplingRate,
      random: new RandomKeys(config.seed).stream("sampling"),
    });
  }

  begin(session: WatchedSession): void {
    this.before = this.options.start;
    session.loadParameters(this.before);
  }

  async step(session: WatchedSession, event: StepEvent): Promise<void> {
    const { observer, config, plan, known, onStep } = this.options;
    const { thresholds } = event.statistics;
    observer.loadParameters(this.before);
    observer.loadThresholds(thresholds);
    observer.loadOptimizerState({ ...observer.optimizerState(), step: event.step - 1 });
    if (session.sparsification) observer.setSparsification(session.sparsification);
    const after = session.parameters();
    const drawn = this.sampler.next().filter((index) => index < known);
    const bound = sensitivity(clippingOf(config), thresholds);
    this.subtract(after, await this.sumOf(drawn), plan.expectedBatchSize / event.learningRate, bound);
    const deviation = this.noiseDeviation(event) / bound;
    await onStep({ step: event.step, residual: this.residual, deviation, sensitivity: bound });
    this.before = after;
  }

  private async sumOf(drawn: Uint32Array): Promise<Tensors> {
    const { observer, dataset } = this.options;
    for await (const { source } of prefetch(dataset, [drawn])) return (await observer.clippedSum(source)).sums;
    throw new Error("the batch was not read");
  }

  private subtract(after: Tensors, sums: Tensors, scale: number, bound: number): void {
    const parts = Object.entries(sums);
    const size = parts.reduce((count, [, { data }]) => count + data.length, 0);
    if (this.residual.length !== size) this.residual = new Float64Array(size);
    let at = 0;
    for (const [name, { data: known }] of parts) {
      const was = this.before[name]?.data as Float32Array;
      const is = after[name]?.data as Float32Array;
      for (let i = 0; i < known.length; i++) {
        const noisy = scale * ((was[i] as number) - (is[i] as number));
        this.residual[at++] = (noisy - (known[i] as number)) / bound;
      }
    }
  }

  private noiseDeviation({ noiseMultiplier = 0, statistics }: StepEvent): number {
    const { config, plan } = this.options;
    const clipping = clippingOf(config);
    const rule = clipping.adaptive && adaptiveRule(clipping.adaptive, plan.expectedBatchSize);
    return new ClippingState(clipping, statistics.thresholds, rule).noiseDeviation(noiseMultiplier, statistics);
  }
}
