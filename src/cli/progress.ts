/** How a run looks while it goes: a bar on a terminal, plain lines elsewhere. What lies outside ε is marked. */
import cliProgress from "cli-progress";
import type { EpochEvent, StepEvent } from "../training/events.js";
import type { Trainer } from "../training/trainer.js";
import { duration, short } from "./format.js";
import { scoresInLine } from "./scores.js";

const SMOOTHING = 0.05;
const REDRAW_MS = 100;
const LINE_SECONDS = 30;
/** Share of the time from which on waiting for data is worth telling. */
const MUCH_WAITING = 0.1;

/** Shows the trainer's progress on stderr until `stop()`. */
export interface Progress {
  stop(): void;
}

/** What a run draws on a terminal. */
export interface Bar {
  start(total: number, value: number, payload: object): void;
  update(value: number, payload: object): void;
  stop(): void;
}

/** Of all bars. */
export const barStyle = {
  barCompleteChar: "█",
  barIncompleteChar: "·",
  barsize: 20,
  hideCursor: true,
  fps: 1000 / REDRAW_MS,
  gracefulExit: false,
  linewrap: false,
} as const;

/** `makeBar`: of the run, in a format of cli-progress; by default a bar of its own. */
export function showProgress(
  trainer: Trainer,
  stream: NodeJS.WriteStream = process.stderr,
  makeBar: (format: string) => Bar = (format) => new cliProgress.SingleBar({ ...barStyle, stream, format }),
): Progress {
  trainer.on("start", ({ step, lostSteps, damagedCheckpoint }) => {
    if (damagedCheckpoint) stream.write(`${damagedCheckpoint}; going on from the checkpoint before it\n`);
    if (lostSteps === 0) return;
    stream.write(
      `${lostSteps} steps after step ${step} were reserved by a process that ended: they are in no model, but count as spent\n`,
    );
  });
  return stream.isTTY ? new ProgressBar(trainer, makeBar) : new ProgressLines(trainer, stream);
}

/** Examples a second and mean loss, both as moving averages. */
class Pace {
  private last: StepEvent | undefined;
  private secondsAStep: number | undefined;
  private waitingAStep: number | undefined;
  private examplesAStep = 0;
  loss: number | undefined;

  add(event: StepEvent): void {
    const { examples, meanLoss } = event.statistics;
    if (this.last !== undefined) {
      const seconds = event.seconds - this.last.seconds;
      this.secondsAStep = blend(this.secondsAStep, seconds);
      this.waitingAStep = blend(this.waitingAStep, event.waitingShare * seconds);
    }
    this.last = event;
    this.examplesAStep = blend(this.examplesAStep || undefined, examples);
    if (Number.isFinite(meanLoss)) this.loss = blend(this.loss, meanLoss);
  }

  /** `391 examples/s`, and where data are waited for, the share of the time that takes. */
  get speed(): string {
    const { secondsAStep, waitingAStep = 0 } = this;
    if (!secondsAStep) return "– examples/s";
    const share = waitingAStep / secondsAStep;
    const waiting = share > MUCH_WAITING ? ` (waiting for data ${Math.round(100 * share)} %)` : "";
    return `${Math.round(this.examplesAStep / secondsAStep)} examples/s${waiting}`;
  }

  timeLeft(steps: number): string {
    return this.secondsAStep === undefined ? "–" : duration(steps * this.secondsAStep);
  }
}

function blend(old: number | undefined, now: number): number {
  return old === undefined ? now : old + SMOOTHING * (now - old);
}

class ProgressBar implements Progress {
  private readonly pace = new Pace();
  private readonly bar: Bar;
  private privacy = "";
  private isPrivate = false;
  private started = false;

  constructor(trainer: Trainer, makeBar: (format: string) => Bar) {
    this.bar = makeBar(
      "epoch {epoch} │{bar}│ {percentage}% │ {speed} │ loss {loss}{scores} (outside ε) │ {epsilon} │ {left} left",
    );
    let scores = "";
    let epochs = "";
    trainer.on("start", ({ plan, step, seeded }) => {
      this.privacy = seeded ? " (seeded: not private)" : "";
      epochs = `/${Math.ceil(plan.steps / plan.stepsPerEpoch)}`;
      this.isPrivate = plan.privacy !== undefined;
      this.bar.start(plan.steps, step, this.payload(undefined, "–", ""));
      this.started = true;
    });
    trainer.on("step", (event) => {
      this.pace.add(event);
      this.bar.update(event.step, this.payload(event, `${event.epoch}${epochs}`, scores));
    });
    trainer.on("epoch", ({ test }) => {
      scores = scoresInLine(test);
    });
  }

  stop(): void {
    if (this.started) this.bar.stop();
    this.started = false;
  }

  private payload(event: StepEvent | undefined, epoch: string, scores: string): Record<string, string> {
    return {
      epoch,
      scores,
      speed: this.pace.speed,
      loss: this.pace.loss?.toFixed(3) ?? "–",
      epsilon: this.isPrivate ? `ε ${event?.epsilon?.toFixed(3) ?? "–"}${this.privacy}` : "not private",
      left: event ? this.pace.timeLeft(event.steps - event.step) : "–",
    };
  }
}

class ProgressLines implements Progress {
  private readonly pace = new Pace();
  private lastLine = 0;

  constructor(
    trainer: Trainer,
    private readonly stream: NodeJS.WriteStream,
  ) {
    let epochs = 0;
    let steps = 0;
    let note = "";
    trainer.on("start", ({ plan, step, seeded }) => {
      steps = plan.steps;
      epochs = Math.ceil(plan.steps / plan.stepsPerEpoch);
      note = seeded ? " (seeded: not private)" : "";
      const from = step > 0 ? `, resumed after step ${step}` : "";
      const noise = plan.privacy ? `, σ ${short(plan.noiseMultiplier)}` : "";
      this.write(`training: ${steps} steps, ${plan.stepsPerEpoch} an epoch${noise}${from}`);
    });
    trainer.on("step", (event) => {
      this.pace.add(event);
      if (event.seconds - this.lastLine < LINE_SECONDS) return;
      this.lastLine = event.seconds;
      this.write(
        `step ${event.step}/${steps}  ${this.figures(event.epsilon, note)}, ${this.pace.timeLeft(steps - event.step)} left`,
      );
    });
    trainer.on("epoch", (event: EpochEvent) => {
      this.lastLine = event.seconds;
      const left = this.pace.timeLeft(steps - event.step);
      this.write(
        `epoch ${event.epoch}/${epochs}  ${this.figures(event.epsilon, note)}${scoresInLine(event.test)} (outside ε), ${left} left`,
      );
    });
  }

  stop(): void {}

  private figures(epsilon: number | undefined, note: string): string {
    const spent = epsilon === undefined ? "not private" : `ε ${short(epsilon)}${note}`;
    return `${spent}, ${this.pace.speed}, loss ${this.pace.loss?.toFixed(4) ?? "–"}`;
  }

  private write(line: string): void {
    this.stream.write(`${line}\n`);
  }
}
