/**
 * A session: a model, its loss, a clipping configuration and an optimizer, computing on its own native thread.
 *
 * ```ts
 * using session = createSession(mnistCnn(), {
 *   loss: crossEntropy(),
 *   optimizer: sgd({ learningRate: 0.5 }),
 *   clipping: { function: "abadi", style: "flat", threshold: 1 },
 *   privacy: { noiseMultiplier: 1.1, expectedBatchSize: 512 },
 * });
 * const statistics = await session.step({ inputs, targets, size: 512 });
 * ```
 *
 * **Guarantee.** `step()` is the Gaussian mechanism on the clipped sum of the batch it is given: noise of deviation
 * σ·S, divided by the public expected batch size. On the caller's own batches it earns **no ε**: amplification by
 * sampling holds only where the batches were drawn by our Poisson sampler, as `Trainer` does. Everything else that a
 * session tells (statistics, losses, outputs, per-example gradients, clipped sums) lies outside the guarantee.
 *
 * Calls may be made without waiting: they run one after the other. Arrays that were passed in must stay as they are
 * until the call's promise settles (a batch of at most `sliceSize` examples is copied before the call returns where
 * the session is idle). A batch's iterable must not await a call to the same session: that call waits for this one.
 */

import type { Model } from "../graph/model.js";
import type { Loss } from "../losses/index.js";
import type { BatchStatistics, NativeSession, ParameterSpec, UpdateSpec } from "../native/binding.js";
import { loadBinding } from "../native/load.js";
import { checkNumber } from "../privacy/check.js";
import { SessionRandom } from "../privacy/random.js";
import { accumulateSlices } from "./accumulate.js";
import {
  type Batch,
  type BatchSource,
  checkBatch,
  type EvaluationSource,
  type ExampleShape,
  isSliced,
  slices,
} from "./batch.js";
import { CallQueue } from "./call-queue.js";
import { ClippingState, type StepThresholds } from "./clipping-state.js";
import { byParameter, checkGivenMask, type GivenMask } from "./given-mask.js";
import { type OptimizerState, readOptimizerState, writeOptimizerState } from "./optimizer-state.js";
import {
  type CallOptions,
  type ClippedSum,
  checkCall,
  type Evaluation,
  type PerExampleGradients,
  type StepOptions,
  type StepStatistics,
  stepKeys,
} from "./session-calls.js";
import { SessionNoise } from "./session-noise.js";
import { type CheckedOptions, checkOptions, checkStepNoise, type SessionOptions } from "./session-options.js";
import { planSession, type SessionPlan } from "./session-plan.js";
import { SessionMask, type SparsificationRefresh, type SparsificationState } from "./sparsification.js";
import { checkNames, checkTensor, joined, type Tensor, type Tensors, withoutAliases } from "./tensors.js";
import { checkMoved } from "./unmoved.js";

/**
 * Makes a session with freshly initialised parameters.
 * @throws TypeError or RangeError naming the option, what came and what is allowed; NativeLoadError without the addon.
 */
export function createSession(model: Model, options: SessionOptions): Session {
  return new Session(model, checkOptions(model, options), options);
}

export class Session {
  /** Whether a seed was given: results can be repeated, and are not private. */
  readonly seeded: boolean;
  /** Examples that cross to native code at once; larger batches are cut. A whole number of chunks on every lane. */
  readonly sliceSize: number;
  readonly loss: Loss;

  private readonly native: NativeSession;
  private readonly parameterSpecs: readonly ParameterSpec[];
  private readonly aliases: ReadonlyMap<string, string>;
  private readonly random: SessionRandom;
  private readonly noise: SessionNoise;
  private readonly trainableParameters: number;
  private readonly planned: NativeSession["plan"];
  private readonly example: ExampleShape;
  /** One view of an example: what evaluation takes. */
  private readonly view: ExampleShape;
  private readonly learningRate: number;
  private readonly clipping: ClippingState;
  private thresholdsInForce: readonly number[];
  private readonly mask: SessionMask | undefined;
  private stepsTaken = 0;
  private disposed = false;
  private readonly queue = new CallQueue();

  /** Made by `createSession`. */
  constructor(
    model: Model,
    private readonly options: CheckedOptions,
    { loss, seed, optimizer, sparsification }: Pick<SessionOptions, "loss" | "seed" | "optimizer" | "sparsification">,
  ) {
    this.loss = loss;
    this.random = new SessionRandom(seed);
    this.seeded = seed !== undefined;
    this.learningRate = optimizer.learningRate;
    this.parameterSpecs = model.spec.parameters;
    this.aliases = model.aliases;
    const binding = loadBinding();
    this.native = new binding.Session(options.spec);
    this.trainableParameters = model.trainableParameterCount;
    const { inputElements, targetElements, targetKind } = this.native;
    const { views } = options.spec;
    this.view = { inputElements, targetElements, targetKind, maxWeight: options.maxWeight };
    this.example = { ...this.view, inputElements: views * inputElements, targetElements: views * targetElements };
    const { thresholds } = options.spec.clipping;
    this.clipping = new ClippingState(options.clipping, thresholds, options.adaptive);
    this.thresholdsInForce = thresholds;
    this.planned = this.native.plan;
    this.sliceSize = this.planned.sliceSize;
    const { integers } = options.spec.clipping;
    this.noise = new SessionNoise(this.native, this.random, this.seeded, integers ? binding.discreteNoise : undefined);
    const { rate } = sparsification ?? {};
    if (rate !== undefined) {
      this.mask = new SessionMask(this.native, { key: this.random.maskKey(), refresh: 0, rate });
    }
    model.initialisePieces(this.random.initialisation(binding.keystream), (index, first, piece) => {
      this.native.setParameterPart(index, first, piece);
    });
  }

  /** Steps taken, or as `loadOptimizerState` said. */
  get steps(): number {
    return this.stepsTaken;
  }

  /**
   * What was decided before the first step: per layer the method, FLOPs and bytes; chunk size, lanes, memory.
   * @param batchSize the logical batch to plan memory for, a whole number ≥ 1; default: the expected one, else a slice.
   */
  plan(batchSize = Math.ceil(this.options.privacy?.expectedBatchSize ?? this.sliceSize)): SessionPlan {
    checkNumber("batchSize", batchSize, { min: 1, max: Number.MAX_VALUE });
    const { example, sliceSize, trainableParameters } = this;
    return planSession(this.planned, { example, sliceSize, batchSize, trainableParameters });
  }

  /** Copies of all parameters, frozen ones included. @throws Error while a call is under way. */
  parameters(): Tensors {
    this.requireIdle("parameters()");
    return this.named((index) => this.native.getParameter(index));
  }

  /**
   * Sets every parameter; all or nothing. A tied parameter may come under any of its names, or, with the same values,
   * under several.
   * @throws TypeError or RangeError naming what is missing, unknown or misshapen.
   */
  loadParameters(tensors: Readonly<Tensors>): void {
    this.requireIdle("loadParameters()");
    const given = withoutAliases(tensors, this.aliases);
    checkNames("parameters", given, this.parameterSpecs);
    const values = this.parameterSpecs.map((spec) => checkTensor(spec.name, given[spec.name], spec));
    values.forEach((data, index) => {
      this.native.setParameter(index, data);
    });
  }

  /** C by group of the next step, before any schedule: as configured, or where adaptive clipping has brought them. */
  thresholds(): readonly number[] {
    return this.clipping.thresholds;
  }

  /** Goes on from a checkpoint of adaptive thresholds. @throws RangeError naming what came and what is allowed. */
  loadThresholds(thresholds: readonly number[]): void {
    this.requireIdle("loadThresholds()");
    this.clipping.load(thresholds);
  }

  /** The optimizer's state and the number of steps, for a checkpoint. @throws Error while a call is under way. */
  optimizerState(): OptimizerState {
    this.requireIdle("optimizerState()");
    return readOptimizerState(this.native, this.parameterSpecs, this.stepsTaken);
  }

  /**
   * Goes on from a checkpoint. A private session that goes back to an earlier step takes a new noise key: no value of
   * the noise is ever used twice. Correlated noise starts anew, unless `loadNoiseMemory()` follows; that of a seeded session
   * goes on.
   */
  loadOptimizerState(state: OptimizerState): void {
    this.requireIdle("loadOptimizerState()");
    writeOptimizerState(this.native, this.parameterSpecs, state);
    this.noise.goTo(state.step, this.stepsTaken);
    this.stepsTaken = state.step;
  }

  /**
   * What correlated noise remembers of earlier steps: **secret**, whoever has it can subtract noise from models. Buffers of
   * equal length; none where steps' noise is independent. Overwrite them after use.
   * @throws Error while a call is under way.
   */
  noiseMemory(): readonly Float32Array[] {
    this.requireIdle("noiseMemory()");
    return this.noise.memory();
  }

  /**
   * Goes on with the noise of the session that `buffers` are from, after `loadOptimizerState()` with the state of the same
   * step; new noise comes from this session's own key. @throws RangeError or TypeError about buffers of another session.
   */
  loadNoiseMemory(buffers: readonly Float32Array[]): void {
    this.requireIdle("loadNoiseMemory()");
    this.noise.load(buffers);
  }

  /** What is dropped now: public, and all that going on with the same mask needs. Undefined without sparsification. */
  get sparsification(): SparsificationState | undefined {
    return this.mask?.state;
  }

  /**
   * Drops another random set from the next step on: of another number of refresh, another rate, or (from a checkpoint)
   * another key. Choose them without looking at the private data.
   * @throws Error while a call is under way, or without the option sparsification; TypeError or RangeError naming what
   * is wrong.
   */
  setSparsification(next: SparsificationRefresh | SparsificationState): void {
    this.requireIdle("setSparsification()");
    if (!this.mask) throw new Error("setSparsification(): the session was made without the option sparsification");
    this.mask.set({ ...this.mask.state, ...next });
  }

  /** The mask that `setMask()` was given; undefined while coordinates are random. */
  get givenMask(): Required<GivenMask> | undefined {
    return this.mask?.given;
  }

  /**
   * Keeps chosen coordinates from the next step on, in place of random ones, until `setSparsification()` draws again.
   * Needs the option sparsification, without `structured`. With `from: "private"`: only where the session has strategy
   * `none` or a seed, for such a mask leaks.
   * @throws Error while a call is under way, or without the option; TypeError or RangeError naming what is wrong.
   */
  setMask(mask: GivenMask): void {
    this.requireIdle("setMask()");
    const { sparsification, strategy } = this.options.spec;
    if (!this.mask || sparsification !== "elements") {
      throw new Error("setMask(): the session was made without the option sparsification, or with structured");
    }
    const given = mask && { ...mask }; // what is checked is what is kept
    const kept = checkGivenMask(given, this.parameterSpecs, strategy !== "none" && !this.seeded);
    this.mask.choose({ ...given, kept: byParameter(kept, this.parameterSpecs) }, kept);
  }

  /**
   * One training step on one logical batch, empty or not: clipped sum, noise, optimizer.
   * @throws UnmovedParametersError after step 1 if a trainable parameter did not move, naming it.
   */
  step(batch: BatchSource, options: StepOptions = {}): Promise<StepStatistics> {
    return this.exclusive(
      options,
      async () => {
        const inForce = this.clipping.at(options.thresholdFactor);
        const update = this.updateSpec(options, inForce);
        this.useThresholds(inForce.thresholds);
        this.takeDropoutKey(update.step);
        const replaying = this.noise.replay();
        const { moved, ...statistics } = await this.masked(() => this.run(batch, update, options.signal));
        await replaying;
        this.stepsTaken = update.step;
        if (!this.disposed) this.clipping.learn(statistics, this.noise.onCounts(update.step)); // else the keys are gone, and no step follows
        checkMoved(moved, this.parameterSpecs, update, statistics);
        const meanLoss = statistics.lossSum / (statistics.examples - statistics.leftOut);
        return { ...statistics, ...inForce, step: update.step, meanLoss };
      },
      stepKeys,
    );
  }

  /** The clipped sum of one logical batch, without noise: not private. */
  clippedSum(batch: BatchSource, options: CallOptions = {}): Promise<ClippedSum> {
    return this.exclusive(options, async () => {
      this.useThresholds(this.clipping.thresholds);
      this.takeDropoutKey(this.stepsTaken + 1);
      const statistics = await this.masked(() => this.accumulate(batch, options.signal));
      const sums = await this.native.takeClippedSums();
      return { sums: this.named((index) => sums[index] as Float32Array, true), statistics };
    });
  }

  /** Gradients of each example's loss, not clipped: not private. Takes memory for size × parameters floats. */
  perExampleGradients(batch: Batch, options: CallOptions = {}): Promise<PerExampleGradients> {
    return this.exclusive(options, async () => {
      checkBatch(batch, this.example, true);
      this.takeDropoutKey(this.stepsTaken + 1);
      const found = await this.masked(() => this.native.perExampleGradients(batch.inputs, batch.targets, batch.size));
      const gradients = this.named((index) => found.gradients[index] as Float32Array, true, [batch.size]);
      return { ...found, gradients };
    });
  }

  /** Outputs and per-example losses in evaluation mode (no dropout). */
  evaluate(batch: EvaluationSource, options: CallOptions = {}): Promise<Evaluation> {
    return this.exclusive(options, async () => {
      const outputs: Float32Array[] = [];
      const losses: Float64Array[] = [];
      for await (const slice of slices(batch, this.view, this.sliceSize, false)) {
        options.signal?.throwIfAborted();
        const part = await this.native.evaluate(slice.inputs, slice.targets ?? null, slice.size);
        outputs.push(part.outputs);
        losses.push(part.losses);
      }
      return { outputs: joined(outputs, Float32Array), losses: joined(losses, Float64Array) };
    });
  }

  /** Frees the native memory once running work has ended, and wipes the keys; further calls throw. Safe to call twice. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.native.dispose();
    this.random.wipe();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private takeDropoutKey(step: number): void {
    this.random.withDropoutKey(step, (key) => this.native.setDropoutKey(key));
  }

  private useThresholds(thresholds: readonly number[]): void {
    if (thresholds === this.thresholdsInForce) return;
    this.native.setThresholds(Float64Array.from(thresholds));
    this.thresholdsInForce = thresholds;
  }

  private updateSpec(options: StepOptions, inForce: StepThresholds): UpdateSpec {
    const { privacy } = this.options;
    if (privacy === undefined) {
      throw new TypeError("step() needs the option privacy: {noiseMultiplier, expectedBatchSize}, which was not given");
    }
    const { learningRate = this.learningRate, noiseMultiplier = privacy.noiseMultiplier } = options;
    checkNumber("learningRate", learningRate, { min: 0, max: Number.MAX_VALUE });
    checkStepNoise(noiseMultiplier, privacy, this.options);
    const noiseDeviation = this.clipping.noiseDeviation(noiseMultiplier, inForce);
    return { noiseDeviation, normalizer: privacy.expectedBatchSize, learningRate, step: this.stepsTaken + 1 };
  }

  /** Work under the present mask: drawn first, for the native thread takes its calls in order, and not waited for. */
  private async masked<T>(work: () => Promise<T>): Promise<T> {
    const drawing = this.mask?.draw();
    const result = await work();
    await drawing;
    return result;
  }

  /** A batch that fits crosses in one call; any other is accumulated slice by slice. */
  private async run(
    batch: BatchSource,
    update: UpdateSpec,
    signal: AbortSignal | undefined,
  ): Promise<BatchStatistics & { readonly moved: readonly boolean[] }> {
    if (!isSliced(batch)) checkBatch(batch, this.example, true);
    if (!isSliced(batch) && batch.size <= this.sliceSize) {
      return await this.native.step(batch.inputs, batch.targets, batch.size, update, batch.weights);
    }
    const statistics = await this.accumulate(batch, signal);
    return { ...statistics, moved: await this.native.update(update) };
  }

  private accumulate(batch: BatchSource, signal: AbortSignal | undefined): Promise<BatchStatistics> {
    const within = this.thresholdsInForce.map(() => 0);
    const nothing = { examples: 0, leftOut: 0, clipped: 0, lossSum: 0, normSum: 0, within };
    return accumulateSlices(this.native, slices(batch, this.example, this.sliceSize, true), nothing, signal);
  }

  /** Runs a call after those before it; one that fails leaves nothing behind. */
  private async exclusive<T>(options: CallOptions, work: () => Promise<T>, known?: string[]): Promise<T> {
    checkCall(options, known);
    const { signal } = options;
    const stop = (): void => this.native.cancel();
    return this.queue.run(async () => {
      try {
        this.requireLive();
        signal?.throwIfAborted();
        signal?.addEventListener("abort", stop, { once: true });
        return await work();
      } catch (error) {
        // What a failed call has accumulated must not get into the next step.
        if (!this.disposed) this.native.clear();
        throw signal?.aborted && (error as Error | null)?.name === "AbortError" ? signal.reason : error;
      } finally {
        signal?.removeEventListener?.("abort", stop);
      }
    });
  }

  private requireLive(): void {
    if (this.disposed) throw new Error("the session has been disposed");
  }

  private requireIdle(call: string): void {
    this.requireLive();
    if (this.queue.busy) throw new Error(`${call}: the session is at work; await the call under way first`);
  }

  private named(values: (index: number) => Float32Array, trainable = false, leading: readonly number[] = []): Tensors {
    const entries: [string, Tensor][] = [];
    this.parameterSpecs.forEach((spec, index) => {
      if (trainable && !spec.trainable) return;
      entries.push([spec.name, { shape: [...leading, ...spec.shape], data: values(index) }]);
    });
    return Object.fromEntries(entries);
  }
}
