/** What a Trainer tells while it runs. */
import type { EvaluationResult } from "./evaluate.js";
import type { StepStatistics } from "./session-calls.js";
import type { TrainingPlan } from "./training-plan.js";

/** `budget`: the next step would have exceeded ε. `interrupted`: the signal asked to stop. */
export type StopReason = "finished" | "budget" | "interrupted";

export interface StepEvent {
  readonly step: number;
  readonly steps: number;
  /** Counts from 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** σ of this step, as accounted for; undefined without privacy. */
  readonly noiseMultiplier?: number | undefined;
  /** Spent with this step; undefined without privacy. */
  readonly epsilon?: number | undefined;
  /** Share of the coordinates that this step dropped; public. Undefined without sparsification. */
  readonly sparsificationRate?: number | undefined;
  /** Outside ε, but for the thresholds. */
  readonly statistics: StepStatistics;
  /** Since the run began, interruptions not counted. */
  readonly seconds: number;
  /** Share of the time since the step before that was spent waiting for data, 0 … 1. Outside ε. */
  readonly waitingShare: number;
}

export interface EpochEvent {
  readonly epoch: number;
  readonly step: number;
  readonly epsilon?: number | undefined;
  /** Mean over the epoch's steps; NaN if all were empty. Outside ε. */
  readonly trainLoss: number;
  /** Outside ε; undefined without test data. */
  readonly test?: EvaluationResult | undefined;
  readonly seconds: number;
}

export interface TrainingResult {
  readonly stopped: StopReason;
  readonly plan: TrainingPlan;
  /** Steps that the model has taken. */
  readonly step: number;
  /** Steps that accounting counts: not fewer. */
  readonly accountedSteps: number;
  readonly epsilon?: number | undefined;
  readonly seeded: boolean;
  readonly test?: EvaluationResult | undefined;
  readonly seconds: number;
  /** Largest resident size of the process. */
  readonly peakBytes: number;
}

export interface TrainerEvents {
  start: [
    {
      readonly plan: TrainingPlan;
      readonly step: number;
      readonly seeded: boolean;
      /** Counted, but in no model: reserved by a process that died. */
      readonly lostSteps: number;
      /** Names the last checkpoint and what is wrong with it, where the run goes on from the one before. */
      readonly damagedCheckpoint?: string | undefined;
    },
  ];
  step: [StepEvent];
  epoch: [EpochEvent];
  checkpoint: [{ readonly step: number; readonly path: string }];
  done: [TrainingResult];
}
