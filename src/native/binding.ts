/**
 * The border to the native addon: the one options object that crosses it and the calls that it answers.
 * Everything here is checked in TypeScript first (src/training/session.ts); C++ sees only values it may trust,
 * and checks again only what could crash the process (lengths, detached buffers, a disposed session).
 */

/** A layer's settings; scalars cross as numbers or one-element lists, flags as 0 or 1. */
export type Attributes = Record<string, number | readonly number[]>;

export interface ParameterSpec {
  /** PyTorch's name, such as `0.weight`. */
  readonly name: string;
  /** PyTorch's shape: `[out, in]`, OIHW. */
  readonly shape: readonly number[];
  readonly trainable: boolean;
}

export interface NodeSpec {
  /** Registered name of the native layer, such as `Linear`. */
  readonly kind: string;
  readonly path: string;
  /** Value 0 is the model's input, value i + 1 the output of node i. */
  readonly inputs: readonly number[];
  /** Indices into `parameters`; −1 where the layer goes without. */
  readonly parameters: readonly number[];
  readonly attributes: Attributes;
  readonly outputShape: readonly number[];
}

/** A model as shape inference left it: plain JSON. */
export interface ModelSpec {
  readonly inputShape: readonly number[];
  readonly parameters: readonly ParameterSpec[];
  readonly nodes: readonly NodeSpec[];
}

export type StrategyName = "none" | "naive" | "materialize" | "fused" | "reweight" | "ghost" | "auto";

export interface NativeSessionSpec {
  readonly model: ModelSpec;
  readonly loss: { readonly kind: string; readonly attributes: Attributes };
  readonly clipping: {
    readonly function: string;
    readonly attributes: Attributes;
    /** By parameter; −1: frozen. */
    readonly groupOfParameter: readonly number[];
    /** C by group. */
    readonly thresholds: readonly number[];
  };
  readonly strategy: StrategyName;
  readonly optimizer: { readonly kind: string; readonly attributes: Attributes };
  /** What `setMask` drops: single coordinates, or whole slices of each parameter. */
  readonly sparsification: "none" | "elements" | "rows" | "columns" | "channels";
  /** 0: chosen from cache and memory sizes. */
  readonly chunkSize: number;
  /** 0: one a core. */
  readonly threads: number;
  readonly deterministic: boolean;
}

export interface BatchStatistics {
  readonly examples: number;
  readonly leftOut: number;
  readonly clipped: number;
  readonly lossSum: number;
  readonly normSum: number;
}

export interface UpdateSpec {
  /** σ·S, the standard deviation of the noise on the clipped sum; 0: none. */
  readonly noiseDeviation: number;
  /** q·N: the public expected batch size. */
  readonly normalizer: number;
  readonly learningRate: number;
  /** Counts from 1; also the number of the step's noise stream. */
  readonly step: number;
}

export interface LayerPlan {
  readonly path: string;
  readonly kind: string;
  readonly implementation: string;
  readonly method: string;
  readonly parameters: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface SessionPlan {
  readonly layers: readonly LayerPlan[];
  readonly chunkSize: number;
  readonly lanes: number;
  readonly threads: number;
  /** Examples that are worked on at once; larger batches are cut. A whole number of chunks on every lane. */
  readonly sliceSize: number;
  readonly parameterBytes: number;
  readonly workerBytes: number;
  readonly totalBytes: number;
}

/** Targets: class indices, or values for regression and binary losses. */
export type Targets = Int32Array | Float32Array;

/**
 * All promises settle on the event loop; the work runs on the session's own thread, one call after the other.
 * Batches are copied before the call returns, so the caller may reuse, transfer or detach its arrays at once.
 */
export interface NativeSession {
  readonly plan: SessionPlan;
  readonly optimizerSlots: number;
  readonly inputElements: number;
  readonly outputElements: number;
  readonly targetElements: number;
  readonly targetKind: "classes" | "values";

  setParameter(index: number, values: Float32Array): void;
  getParameter(index: number): Float32Array;
  setOptimizerState(parameter: number, slot: number, values: Float32Array): void;
  getOptimizerState(parameter: number, slot: number): Float32Array;
  /** 32 bytes; used for noise alone. */
  setNoiseKey(key: Uint8Array): void;
  /** 8 bytes. */
  setDropoutKey(key: Uint8Array): void;

  /**
   * From here on drops what the public key (32 bytes), the refresh's number and the rate in [0, 1] say. Not within a
   * logical batch. Nothing is dropped before the first call.
   */
  setMask(key: Uint8Array, refresh: number, rate: number): Promise<void>;

  /** Adds the clipped sum of these examples; resolves to the statistics since the last update. */
  accumulate(inputs: Float32Array, targets: Targets, examples: number): Promise<BatchStatistics>;
  /** Noise and optimizer; resolves to `moved`, by parameter. */
  update(spec: UpdateSpec): Promise<boolean[]>;
  /** Accumulates and updates in one native call: the whole step of a batch that fits one call. */
  step(
    inputs: Float32Array,
    targets: Targets,
    examples: number,
    spec: UpdateSpec,
  ): Promise<BatchStatistics & { readonly moved: boolean[] }>;
  /** The accumulated sums without noise, by parameter; clears them. Not private. */
  takeClippedSums(): Promise<Float32Array[]>;
  clear(): void;
  perExampleGradients(
    inputs: Float32Array,
    targets: Targets,
    examples: number,
  ): Promise<{
    readonly gradients: Float32Array[];
    /** [groups, examples] */
    readonly squaredNorms: Float64Array;
    readonly losses: Float64Array;
  }>;
  evaluate(
    inputs: Float32Array,
    targets: Targets | null,
    examples: number,
  ): Promise<{
    readonly outputs: Float32Array;
    /** Empty without targets. */
    readonly losses: Float64Array;
  }>;
  /** Asks running work to stop at the next chunk; its promise rejects with an AbortError and the sums are cleared. */
  cancel(): void;
  /** Frees the memory once running work has ended; further calls throw. */
  dispose(): void;
}

/**
 * Single kernels for the project's own benchmarks: no part of the library. Each call runs on every core, each on its
 * share, and blocks the event loop; `seconds` holds the time of each repeat.
 */
export interface NativeKernels {
  /**
   * Clips and sums the rows of `gradients` [examples, columns] (Abadi's function, C = threshold > 0). `separate`, the
   * textbook way, scales them in place. `sum` and `squaredNorms` are those of the last repeat.
   */
  clipRows(
    gradients: Float32Array,
    examples: number,
    columns: number,
    threshold: number,
    mode: "fused" | "separate",
    repeats: number,
  ): { readonly sum: Float32Array; readonly squaredNorms: Float64Array; readonly seconds: Float64Array };
  /** Reads pairs of values as 64-bit integers and adds them modulo 2⁶⁴: what memory gives at most. */
  readBandwidth(values: Float32Array, repeats: number): { readonly checksum: bigint; readonly seconds: Float64Array };
  /** a·b of n × n matrices, the same product on every core. */
  gemm(
    a: Float32Array,
    b: Float32Array,
    n: number,
    repeats: number,
  ): { readonly product: Float32Array; readonly seconds: Float64Array };
}

export interface NativeBinding {
  /** Internal to bench/. */
  readonly kernels: NativeKernels;
  readonly Session: new (spec: NativeSessionSpec) => NativeSession;
  /** Registered native layers, losses, optimizers, clip functions; CPU features and library versions, for `doctor`. */
  info(): {
    readonly layers: readonly string[];
    readonly cpuFeatures: readonly string[];
    readonly libraries: Readonly<Record<string, string>>;
    readonly cores: number;
  };
}
