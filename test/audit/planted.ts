/** Mechanisms with mistakes in them, for tests alone: each takes the place of the session's step until the test ends. */
import { onTestFinished, vi } from "vitest";
import { RandomKeys } from "../../src/privacy/random.js";
import type { Batch, BatchSource } from "../../src/training/batch.js";
import { Session } from "../../src/training/session.js";
import type { StepOptions, StepStatistics } from "../../src/training/session-calls.js";
import type { Tensors } from "../../src/training/tensors.js";

type Step = (batch: BatchSource, options?: StepOptions) => Promise<StepStatistics>;
type Mistake = (session: Session, step: Step, batch: BatchSource, options: StepOptions) => Promise<StepStatistics>;

function plant(mistake: Mistake): void {
  const right = Session.prototype.step;
  const spy = vi.spyOn(Session.prototype, "step").mockImplementation(function (this: Session, batch, options = {}) {
    return mistake(this, (...given) => right.apply(this, given), batch, options);
  });
  onTestFinished(() => spy.mockRestore());
}

/** The noise has so many times the deviation that is claimed. */
export function plantNoiseFactor(factor: number): void {
  plant((_, step, batch, options) =>
    step(batch, { ...options, noiseMultiplier: factor * (options.noiseMultiplier as number) }),
  );
}

/** Every step draws the same noise, of the deviation that is claimed: σ·threshold on the sum. */
export function plantReusedNoise(threshold: number, expectedBatchSize: number): void {
  plant(async (session, step, batch, options) => {
    const { learningRate = 0, noiseMultiplier = 0 } = options;
    const statistics = await step(batch, { ...options, noiseMultiplier: 0 });
    const random = new RandomKeys(7).stream("noise");
    const parameters = Object.entries(session.parameters());
    const noise = parameters.map(([name, { shape, data }]) => [name, { shape, data: data.map(() => random.normal()) }]);
    move(session, Object.fromEntries(noise), (learningRate * noiseMultiplier * threshold) / expectedBatchSize);
    return statistics;
  });
}

/** The batch's mean gradient is clipped, to `threshold`, and not each example's. */
export function plantAveraging(threshold: number): void {
  plant(async (session, step, source, options) => {
    const batch = source as Batch;
    const mean = await meanGradient(session, batch);
    const statistics = await step(
      { ...batch, inputs: new Float32Array(), targets: new Int32Array(), weights: null, size: 0 },
      options,
    );
    move(session, mean, -(options.learningRate as number) * Math.min(1, threshold / length(mean)));
    return statistics;
  });
}

/** Sums are divided by the size of the batch that was drawn: what they add to the noise grows as the batch shrinks. */
export function plantSampledSize(expectedBatchSize: number): void {
  plant((_, step, batch, options) => {
    const factor = expectedBatchSize / Math.max(1, (batch as Batch).size);
    return step(batch, { ...options, learningRate: factor * (options.learningRate as number) });
  });
}

async function meanGradient(session: Session, batch: Batch): Promise<Tensors> {
  const zeros = await session.clippedSum({
    ...batch,
    inputs: new Float32Array(),
    targets: new Int32Array(),
    weights: null,
    size: 0,
  });
  if (batch.size === 0) return zeros.sums;
  const { gradients } = await session.perExampleGradients(batch);
  return Object.fromEntries(
    Object.entries(zeros.sums).map(([name, { shape, data }]) => {
      const rows = gradients[name]?.data as Float32Array;
      const mean = data.map((_, i) => {
        let sum = 0;
        for (let b = 0; b < batch.size; b++) sum += rows[b * data.length + i] as number;
        return sum / batch.size;
      });
      return [name, { shape, data: mean }];
    }),
  );
}

function length(tensors: Tensors): number {
  return Math.hypot(...Object.values(tensors).map(({ data }) => Math.hypot(...data))) || 1;
}

function move(session: Session, by: Tensors, factor: number): void {
  const moved = Object.entries(session.parameters()).map(([name, { shape, data }]) => {
    const step = by[name]?.data;
    return [name, { shape, data: data.map((value, i) => value + factor * (step?.[i] ?? 0)) }] as const;
  });
  session.loadParameters(Object.fromEntries(moved));
}
