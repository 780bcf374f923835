/** Everything that a run writes: ledger.jsonl, metrics.csv, checkpoints, privacy.json, report.html. */

import { stepsBetween } from "../privacy/ledger-rows.js";
import { type CheckpointNotes, markMetadata, type RunState, saveCheckpoint } from "./checkpoint.js";
import type { ClippingGroups } from "./clipping-groups.js";
import type { TrainingConfig } from "./config.js";
import type { EvaluationResult } from "./evaluate.js";
import type { StepEvent, StopReason, TrainingResult } from "./events.js";
import { writeAtomically, writeAtomicallyLater } from "./files.js";
import { MetricsFile, readMetrics } from "./metrics.js";
import { keepsNoise, removeNoise, saveNoise } from "./noise-file.js";
import type { ParameterAverage } from "./parameter-average.js";
import { statementOf } from "./privacy-file.js";
import { ReservationSize } from "./reservation-size.js";
import { Reservations } from "./reservations.js";
import type { RunDirectory, RunStatus } from "./run-directory.js";
import type { Session } from "./session.js";
import { plannedSteps, type TrainingPlan } from "./training-plan.js";

export interface RunFilesOptions {
  readonly directory: RunDirectory;
  readonly config: TrainingConfig;
  readonly plan: TrainingPlan;
  readonly groups: ClippingGroups;
  readonly title?: string | undefined;
  readonly seeded: boolean;
  /** Where the model stood when this part of the run began. */
  readonly start: RunState;
  readonly average?: ParameterAverage | undefined;
}

/** How far a process came: steps of the model, and of the run in all, lost ones included. */
export type Standing = Pick<TrainingResult, "step" | "accountedSteps">;

export class RunFiles {
  private readonly metrics: MetricsFile;
  private readonly blockSize: ReservationSize;
  private readonly reservations: Reservations;
  private stepsTaken: number;

  constructor(private readonly options: RunFilesOptions) {
    const { directory, config, seeded, start } = options;
    this.blockSize = new ReservationSize(directory.largestReservation);
    this.reservations = new Reservations(start.step, this.blockSize, (step, count) => this.reserve(step, count));
    this.stepsTaken = start.step;
    this.metrics = new MetricsFile(directory.files.metrics, seeded, start.step);
    writeAtomically(directory.files.config, jsonFile(config));
  }

  get checkpointPath(): string {
    return this.options.directory.files.checkpoint;
  }

  /**
   * Resolves when the step after `step` of the model is counted in the ledger and in privacy.json; `last`: the step up to
   * which plan and budget allow more.
   */
  allow(step: number, last: number): Promise<void> {
    return this.reservations.allow(step, last);
  }

  /** `milliseconds`: what the engine took for it. */
  addStep(event: StepEvent, milliseconds: number, test: EvaluationResult | undefined): void {
    const { statistics } = event;
    this.blockSize.step(milliseconds);
    const learnt = statistics.examples - statistics.leftOut;
    this.stepsTaken = event.step;
    this.metrics.append({
      step: event.step,
      epoch: event.epoch,
      learningRate: event.learningRate,
      threshold: statistics.threshold,
      noiseMultiplier: event.noiseMultiplier,
      epsilon: event.epsilon,
      sparsificationRate: event.sparsificationRate,
      trainLoss: learnt > 0 ? statistics.meanLoss : undefined,
      sampled: statistics.examples,
      leftOut: statistics.leftOut,
      clipped: statistics.clipped,
      seconds: event.seconds,
      testLoss: test?.loss,
      testAccuracy: test?.accuracy,
      testMeanDice: test?.segmentation?.meanDice,
      testPixelAccuracy: test?.segmentation?.pixelAccuracy,
      averageTestLoss: test?.average?.loss,
      averageTestAccuracy: test?.average?.accuracy,
    });
  }

  checkpoint(session: Session, state: RunState): void {
    this.metrics.flush();
    const { directory, average, plan } = this.options;
    // First, so that the state never has to do without.
    if (keepsNoise(plan, session)) saveNoise(directory.files, session, state.step, directory.mark);
    saveCheckpoint(directory.files, { session, average }, state, directory.mark, this.notes());
  }

  /** Writes everything one last time and lets go of the folder. */
  async finish(session: Session, result: TrainingResult): Promise<void> {
    const { directory } = this.options;
    await this.reservations.settled();
    this.checkpoint(session, result);
    const statement = this.settle(result.stopped, result);
    writeAtomically(directory.files.report, await this.report(result, statement));
    directory.release();
  }

  /**
   * After a failure: what was counted stays counted. `standing`: of a failure after which disk and ledger are trusted, so
   * that only what was taken counts.
   */
  async abandon(standing: Standing | undefined): Promise<void> {
    try {
      await this.reservations.settled(); // the folder is another's afterwards
      this.metrics.flush();
      if (standing) this.settle("interrupted", standing);
    } catch {
      // The failure that led here is the one to be told.
    } finally {
      this.options.directory.release();
    }
  }

  /** Ends this process's part in the ledger, then in privacy.json, whose content is returned. */
  private settle(status: StopReason, { step, accountedSteps }: Standing): object {
    const { directory } = this.options;
    directory.settle(status, step, accountedSteps);
    if (status !== "interrupted") removeNoise(directory.files); // nothing goes on from here
    this.stepsTaken = step;
    const statement = this.statement(status);
    writeAtomically(directory.files.privacy, jsonFile(statement));
    return statement;
  }

  private async reserve(step: number, count: number): Promise<void> {
    const { directory, plan } = this.options;
    const began = performance.now();
    await directory.reserve(step, stepsBetween(plannedSteps(plan), step, step + count));
    const stating = performance.now();
    const text = jsonFile(this.statement("running"));
    const busy = performance.now() - stating;
    await writeAtomicallyLater(directory.files.privacy, text);
    this.blockSize.cost({ busy, whole: performance.now() - began });
  }

  /** As of this moment. */
  private statement(status: RunStatus): object {
    const { directory, config, plan, groups, seeded } = this.options;
    const { spent, mark } = directory;
    const { stepsTaken } = this;
    return statementOf({ config, plan, groups, seeded, status, spent, ledger: mark, stepsTaken });
  }

  private notes(): CheckpointNotes {
    const { config, seeded, directory } = this.options;
    const model = typeof config.model === "string" ? config.model : JSON.stringify(config.model);
    return {
      model,
      privacy: config.privacy ? (seeded ? "seeded: not private" : "private: see privacy.json") : "not private",
      // Seeded runs leave equal files.
      ...(seeded ? {} : markMetadata(directory.mark)),
    };
  }

  private async report(result: TrainingResult, statement: unknown): Promise<string> {
    const { trainingReport } = await import("../report/training-report.js"); // plots are heavy, and needed only here
    const { config, plan, title, seeded, directory } = this.options;
    return trainingReport({
      title: title ?? directory.path,
      privacy: plan.privacy ? (seeded ? "seeded" : "private") : "none",
      status: result.stopped,
      epsilon: result.epsilon,
      targetEpsilon: plan.privacy?.targetEpsilon,
      delta: plan.privacy?.delta,
      noiseMultiplier: plan.noiseMultiplier,
      samplingRate: plan.samplingRate,
      steps: result.step,
      stepsPerEpoch: plan.stepsPerEpoch,
      seconds: result.seconds,
      peakBytes: result.peakBytes,
      metrics: readMetrics(directory.files.metrics),
      settings: config,
      statement,
    });
  }
}

function jsonFile(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
