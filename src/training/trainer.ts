/**
 * Training with a differential privacy guarantee: Poisson samples, private steps, a budget that stops, files that
 * survive a crash.
 *
 * ```ts
 * const trainer = new Trainer({ config: parseConfig({ model: "mnist-cnn", … }), train, test, out: "runs/mine" });
 * trainer.on("epoch", ({ epoch, epsilon, test }) => console.log(epoch, epsilon, test?.accuracy));
 * const result = await trainer.run();
 * ```
 *
 * **Guarantee.** The sequence of models after each step is (ε, δ)-differentially private, ε as accounted for the
 * steps that were counted: a step is counted, durably where there is a folder, before it is taken. Every other number
 * that events and files carry (losses, accuracies, sampled sizes, times) lies outside ε and is marked so. With a
 * seed nothing is private.
 */
import { EventEmitter } from "node:events";
import { checkFlag, checkKeys, checkMethods, checkObject, checkSignal, checkText, checkTexts } from "../arguments.js";
import { checkDataset, type Dataset } from "../data/dataset.js";
import { type LogicalBatch, prefetch } from "../data/prefetch.js";
import type { TrainingConfig } from "./config.js";
import { type EvaluationResult, evaluateDataset } from "./evaluate.js";
import type { StepEvent, StopReason, TrainerEvents, TrainingResult } from "./events.js";
import { type PreparedRun, prepareRun } from "./prepare.js";
import type { PrivacyMeter } from "./privacy-meter.js";
import type { RunFiles, Standing } from "./run-files.js";
import type { Session } from "./session.js";
import type { SparsificationRefresh } from "./sparsification.js";
import type { TrainingPlan } from "./training-plan.js";
import { UnmovedParametersError } from "./unmoved.js";

export interface TrainerOptions {
  readonly config: TrainingConfig;
  readonly train: Dataset;
  /** Evaluated after every epoch. */
  readonly test?: Dataset | undefined;
  /** Public examples, by which coordinates are chosen: needed by `sparsification.source.public`, and used by it alone. */
  readonly public?: Dataset | undefined;
  /** Public names of the classes, by number: a model of fewer is refused, whose examples of the others would be left out. */
  readonly classes?: readonly string[] | undefined;
  /** Folder for checkpoints, metrics.csv, privacy.json and report.html; none: nothing is written. */
  readonly out?: string | undefined;
  /** Go on with the run in `out`. */
  readonly resume?: boolean | undefined;
  /** Heads the report. */
  readonly title?: string | undefined;
  /** Looks on; the run waits for it. */
  readonly watcher?: RunWatcher | undefined;
}

/** What a watcher has of the session: nothing that the guarantee does not let everyone see. */
export type WatchedSession = Pick<Session, "parameters" | "loadParameters" | "sparsification">;

/** Sees every model of a run, as the adversary of the guarantee does. */
export interface RunWatcher {
  /** The model before the first step: the place to load other parameters, which must be public. */
  begin(session: WatchedSession): void | Promise<void>;
  /** The model after a step, before the next. The event's statistics lie outside ε, but for the thresholds. */
  step(session: WatchedSession, event: StepEvent): void | Promise<void>;
}

export class Trainer extends EventEmitter<TrainerEvents> {
  private ran = false;

  /** @throws TypeError or RangeError that names the option, what came and what is allowed. */
  constructor(private readonly options: TrainerOptions) {
    super();
    checkTrainerOptions(options);
  }

  /**
   * Trains to the end, to the budget, or until `signal` asks to stop: then the step under way is finished and
   * everything is written. Once an object. Rejects with a ConfigError, RunDirectoryError, DataError or what a listener
   * threw; steps that were counted stay counted.
   */
  async run(signal?: AbortSignal): Promise<TrainingResult> {
    if (signal !== undefined) checkSignal(signal);
    if (this.ran) throw new Error("run(): this trainer has run already; make another");
    this.ran = true;
    const prepared = prepareRun(this.options);
    const loop = new TrainingLoop(this, this.options, prepared);
    try {
      const result = await loop.run(signal);
      this.emit("done", result);
      return result;
    } catch (error) {
      await prepared.files?.abandon(error instanceof UnmovedParametersError ? loop.standing : undefined);
      throw error;
    } finally {
      prepared.session.dispose();
      prepared.informed?.dispose();
    }
  }
}

const known: readonly (keyof TrainerOptions)[] = [
  "config",
  "train",
  "test",
  "public",
  "classes",
  "out",
  "resume",
  "title",
  "watcher",
];

function checkTrainerOptions(options: TrainerOptions): void {
  checkKeys("options", options, known);
  const { config, train, test, public: shown, classes, out, resume, title, watcher } = options;
  checkObject("config", config, "what parseConfig() or readConfig() returns");
  checkDataset("train", train);
  if (test !== undefined) checkDataset("test", test);
  if (shown !== undefined) checkDataset("public", shown);
  if (classes !== undefined) checkTexts("classes", classes);
  if (out !== undefined) checkText("out", out);
  if (resume !== undefined) checkFlag("resume", resume);
  if (title !== undefined) checkText("title", title);
  if (watcher !== undefined) checkMethods("watcher", watcher, ["begin", "step"], "an object");
}

class TrainingLoop {
  private readonly session: Session;
  private readonly plan: TrainingPlan;
  private readonly meter: PrivacyMeter;
  private readonly files: RunFiles | undefined;
  private readonly secondsBefore: number;
  private readonly startedAt = performance.now();
  private step: number;
  /** Since the last step's event. */
  private waitingSeconds = 0;
  private lastEventAt = performance.now();
  private readonly onWait = (seconds: number) => {
    this.waitingSeconds += seconds;
  };
  private epochLoss = { sum: 0, examples: 0 };
  private test: EvaluationResult | undefined;
  private lastEvaluated = -1;

  constructor(
    private readonly events: Trainer,
    private readonly options: TrainerOptions,
    private readonly prepared: PreparedRun,
  ) {
    this.session = prepared.session;
    this.plan = prepared.plan;
    this.meter = prepared.meter;
    this.files = prepared.files;
    this.step = prepared.start.step;
    this.secondsBefore = prepared.start.seconds;
  }

  async run(signal: AbortSignal | undefined): Promise<TrainingResult> {
    const lostSteps = this.meter.steps - this.step;
    const { damagedCheckpoint } = this.prepared;
    const { plan, step, session } = this;
    this.events.emit("start", { plan, step, seeded: session.seeded, lostSteps, damagedCheckpoint });
    await this.options.watcher?.begin(session);
    const stopped = await this.trainUntilStopped(signal);
    await this.evaluate();
    const result = this.result(stopped);
    await this.files?.finish(this.session, result);
    if (this.files) this.events.emit("checkpoint", { step: this.step, path: this.files.checkpointPath });
    return result;
  }

  /** Where the model stands and what was counted, the step that failed included. */
  get standing(): Standing {
    return { step: this.session.steps, accountedSteps: this.meter.steps };
  }

  private async trainUntilStopped(signal: AbortSignal | undefined): Promise<StopReason> {
    if (this.step >= this.plan.steps) return "finished";
    const batches = prefetch(this.prepared.train, this.prepared.sampler, undefined, this.onWait);
    while (this.step < this.plan.steps) {
      if (signal?.aborted) return "interrupted";
      if (!this.meter.allowsStep()) return "budget";
      const { value: batch } = await batches.next();
      if (!batch) throw new Error("the sampler ended before the run");
      await this.takeStep(batch);
      if (this.step % this.checkpointEvery === 0) this.checkpoint();
      if (this.step % this.plan.stepsPerEpoch === 0) this.endEpoch();
    }
    return "finished";
  }

  private async takeStep(batch: LogicalBatch): Promise<void> {
    await this.files?.allow(this.step, this.lastStep);
    const { noiseMultiplier } = this.meter;
    this.meter.countStep();
    const learningRate = this.prepared.learningRate(this.step);
    const refresh = this.prepared.refresh(this.step);
    await this.refresh(refresh);
    const thresholdFactor = this.prepared.thresholdFactor(this.step);
    const began = performance.now();
    const statistics = await this.session.step(batch.source, { learningRate, thresholdFactor, noiseMultiplier });
    const milliseconds = performance.now() - began;
    this.step++;
    this.prepared.average?.add(this.session.parameters(), this.step);
    this.epochLoss.sum += statistics.lossSum;
    this.epochLoss.examples += statistics.examples - statistics.leftOut;
    const epoch = Math.ceil(this.step / this.plan.stepsPerEpoch);
    const event: StepEvent = {
      step: this.step,
      steps: this.plan.steps,
      epoch,
      learningRate,
      noiseMultiplier: this.plan.privacy && noiseMultiplier,
      epsilon: this.meter.epsilonBound(),
      sparsificationRate: refresh?.rate,
      statistics,
      seconds: this.seconds(),
      waitingShare: this.waitingShare(),
    };
    const endsEpoch = this.step % this.plan.stepsPerEpoch === 0 || this.step === this.plan.steps;
    if (endsEpoch) await this.evaluate();
    this.files?.addStep(event, milliseconds, endsEpoch ? this.test : undefined);
    this.events.emit("step", event);
    await this.options.watcher?.step(this.session, event);
  }

  /** Public, and between logical steps alone. */
  private async refresh(next: SparsificationRefresh | undefined): Promise<void> {
    const now = this.session.sparsification;
    if (next && this.prepared.informed) return await this.prepared.informed.refresh(this.session, next);
    if (!next || (now?.refresh === next.refresh && now.rate === next.rate)) return;
    this.session.setSparsification(next);
  }

  /** Step of the model up to which plan and budget allow more. */
  private get lastStep(): number {
    return Math.min(this.plan.steps, this.step + this.meter.remainingSteps());
  }

  private get checkpointEvery(): number {
    return this.options.config.checkpointEvery ?? this.plan.stepsPerEpoch;
  }

  private endEpoch(): void {
    const { sum, examples } = this.epochLoss;
    this.epochLoss = { sum: 0, examples: 0 };
    this.events.emit("epoch", {
      epoch: this.step / this.plan.stepsPerEpoch,
      step: this.step,
      epsilon: this.meter.epsilonBound(),
      trainLoss: sum / examples,
      test: this.test,
      seconds: this.seconds(),
    });
  }

  private checkpoint(): void {
    if (!this.files) return;
    this.files.checkpoint(this.session, { step: this.step, seconds: this.seconds() });
    this.events.emit("checkpoint", { step: this.step, path: this.files.checkpointPath });
  }

  private async evaluate(): Promise<void> {
    if (!this.options.test || this.lastEvaluated === this.step) return;
    const { test } = this.options;
    const result = await evaluateDataset(this.session, test, undefined, this.onWait);
    const average = await this.evaluateAverage(test);
    this.test = average ? { ...result, average } : result;
    this.lastEvaluated = this.step;
  }

  /** With the averaged parameters in the session, and the trained ones back in it afterwards. */
  private async evaluateAverage(test: Dataset): Promise<EvaluationResult | undefined> {
    const { average } = this.prepared;
    if (!average) return undefined;
    const trained = this.session.parameters();
    this.session.loadParameters(average.tensors());
    try {
      return await evaluateDataset(this.session, test, undefined, this.onWait);
    } finally {
      this.session.loadParameters(trained);
    }
  }

  /** Counts from now on anew. */
  private waitingShare(): number {
    const now = performance.now();
    const share = Math.min(1, (1000 * this.waitingSeconds) / (now - this.lastEventAt));
    this.waitingSeconds = 0;
    this.lastEventAt = now;
    return share;
  }

  private seconds(): number {
    return this.secondsBefore + (performance.now() - this.startedAt) / 1000;
  }

  private result(stopped: StopReason): TrainingResult {
    return {
      stopped,
      plan: this.plan,
      step: this.step,
      accountedSteps: this.meter.steps,
      epsilon: this.meter.epsilon(),
      seeded: this.session.seeded,
      test: this.test,
      seconds: this.seconds(),
      peakBytes: process.resourceUsage().maxRSS * 1024,
    };
  }
}
