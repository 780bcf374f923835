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

/**
 * x = C⁻¹z, step by step: x_t = gain·z_t + Σᵢ weightsᵢ·Mᵢ. Without decays M is what was stored of the last steps, M₁ of the latest
 * (outputs x or inputs z; zeros at first); with them, Mᵢ ← decaysᵢ·Mᵢ + x_t after each step.
 */
export interface NoiseRecurrence {
  readonly stores: "output" | "input";
  readonly gain: number;
  readonly weights: readonly number[];
  /** As many as weights, or none. */
  readonly decays: readonly number[];
}

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
    /** Clipped gradients are rounded to a grid and summed as integers; their noise is the discrete Gaussian. */
    readonly integers: boolean;
    /** The largest weight that an example may have, > 0. */
    readonly largestWeight: number;
  };
  readonly strategy: StrategyName;
  readonly optimizer: { readonly kind: string; readonly attributes: Attributes };
  /** What `setMask` drops: single coordinates, or whole slices of each parameter. */
  readonly sparsification: "none" | "elements" | "rows" | "columns" | "channels";
  /** The optimizer sees the largest coordinates of the noisy gradient alone; keep in (0, 1]. */
  readonly topK: { readonly keep: number; readonly errorFeedback: boolean } | null;
  /** Of the noise from step to step; null: each step's is its own. Not with `integers`. */
  readonly correlation: NoiseRecurrence | null;
  /** Augmented copies that are one example in training. */
  readonly views: number;
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
  /** By group: examples, not left out, with a norm of at most the threshold. */
  readonly within: readonly number[];
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
  /** As many values as given, of a parameter's elements from `first` on. */
  setParameterPart(index: number, first: number, values: Float32Array): void;
  getParameter(index: number): Float32Array;
  setOptimizerState(parameter: number, slot: number, values: Float32Array): void;
  getOptimizerState(parameter: number, slot: number): Float32Array;
  /** The optimizer's state that all coordinates share; as long as the optimizer has such numbers. */
  getOptimizerShared(): Float64Array;
  setOptimizerShared(numbers: Float64Array): void;
  /** 32 bytes; used for noise alone. */
  setNoiseKey(key: Uint8Array): void;
  /** 8 bytes. */
  setDropoutKey(key: Uint8Array): void;

  /** Buffers of correlated noise's memory. */
  readonly noiseBuffers: number;
  /** One of them: secret, for whoever has it can subtract noise. As long as they all are. */
  getNoiseMemory(buffer: number): Float32Array;
  setNoiseMemory(buffer: number, values: Float32Array): void;
  /** The memory as it is after steps 1 … `steps` of the present key; 0: as before the first. */
  replayNoise(steps: number): Promise<void>;

  /**
   * From here on drops what the public key (32 bytes), the refresh's number and the rate in [0, 1] say. Not within a
   * logical batch. Nothing is dropped before the first call.
   */
  setMask(key: Uint8Array, refresh: number, rate: number): Promise<void>;
  /**
   * The same with coordinates that were chosen: by trainable coordinate, parameters in the model's order, 0 for dropped.
   * Of sparsification `elements` alone. Copied before the call returns.
   */
  keepOnly(kept: Uint8Array): Promise<void>;

  /** C by group, finite and > 0, from the next batch on. */
  setThresholds(thresholds: Float64Array): void;

  /** Adds the clipped sum of these examples; weights: [examples] or null for ones; resolves to the statistics since the last update. */
  accumulate(
    inputs: Float32Array,
    targets: Targets,
    examples: number,
    weights?: Float32Array | null,
  ): Promise<BatchStatistics>;
  /** Noise and optimizer; resolves to `moved`, by parameter. */
  update(spec: UpdateSpec): Promise<boolean[]>;
  /** Accumulates and updates in one native call: the whole step of a batch that fits one call. */
  step(
    inputs: Float32Array,
    targets: Targets,
    examples: number,
    spec: UpdateSpec,
    weights?: Float32Array | null,
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
  /**
   * Draws `count` standard normals from the cryptographic generator under a known key; `naive`: the same ones through
   * float64 and libm, pair by pair. `samples`: the first 4,096.
   */
  normals(
    mode: "engine" | "naive",
    count: number,
    repeats: number,
  ): { readonly samples: Float32Array; readonly seconds: Float64Array };
}

/** float32, bfloat16 or float16; the last two as 16-bit words. */
export type GradientDType = "f32" | "bf16" | "f16";

/** Per-example gradients in the caller's memory: block i is [examples, columns[i]]. */
export interface ExampleGradientsSpec {
  readonly gradients: readonly (Float32Array | Uint16Array)[];
  readonly columns: readonly number[];
  readonly examples: number;
  readonly dtype: GradientDType;
  readonly perBlock: boolean;
  /** [Σ columns], 0: dropped. */
  readonly kept: Uint8Array | null;
  readonly threads: number;
}

export interface NormsSpec extends ExampleGradientsSpec {
  /** [groups, examples], out. */
  readonly squaredNorms: Float64Array;
}

export interface ClipSpec extends NormsSpec {
  /** By block; Float64Arrays where `wide`. */
  readonly sums: readonly (Float32Array | Float64Array)[];
  readonly wide: boolean;
  readonly accumulate: boolean;
  readonly function: string;
  readonly attributes: Attributes;
  /** By group. */
  readonly thresholds: readonly number[];
  readonly weights: Float64Array | null;
  /** [groups, examples], out. */
  readonly factors: Float32Array;
}

export interface SparsifySpec extends ExampleGradientsSpec {
  readonly outputs: readonly (Float32Array | Uint16Array)[];
}

export interface PrivatizeSpec {
  readonly sum: Float32Array | Float64Array;
  readonly count: number;
  readonly wide: boolean;
  readonly kept: Uint8Array | null;
  readonly output: Float32Array;
  readonly deviation: number;
  readonly normalizer: number;
  /** 32 bytes, for this call alone; copied. */
  readonly key: Uint8Array;
  readonly threads: number;
}

/**
 * Kernels over the caller's arrays, which they read and write where they are. The asynchronous ones run one after the
 * other on a thread of their own; the buffers must stay as they are until the promise settles (src/kernels/hold.ts).
 * `clip` answers the number of examples left out, the others 0.
 */
export interface NativeExampleKernels {
  clip(spec: ClipSpec): Promise<number>;
  clipSync(spec: ClipSpec): number;
  norms(spec: NormsSpec): Promise<number>;
  normsSync(spec: NormsSpec): number;
  sparsify(spec: SparsifySpec): Promise<number>;
  sparsifySync(spec: SparsifySpec): number;
  privatize(spec: PrivatizeSpec): Promise<number>;
  privatizeSync(spec: PrivatizeSpec): number;
}

export type DeviceElement = "float32" | "bfloat16" | "float16" | "float64" | "bits";
export type DeviceValues = Float32Array | Uint16Array | Float64Array | Uint32Array;

/** [rows, columns] on the GPU. Copies wait until they are done; everything else is enqueued. */
export interface NativeDeviceBuffer {
  upload(values: DeviceValues): void;
  download(): DeviceValues;
  zero(): void;
  dispose(): void;
}

export interface NativeDeviceStatus {
  /** Whether this addon was built with CUDA. */
  readonly built: boolean;
  /** Where the CUDA library was looked for: HUSHGRAD_CUDA_LIBRARY, or beside the addon; empty where nowhere. */
  readonly library: string;
  /** Why there is no GPU to compute on; empty where there is one. */
  readonly problem: string;
  readonly device: {
    readonly name: string;
    readonly computeCapability: string;
    readonly multiprocessors: number;
    readonly memoryBytes: number;
    readonly cacheBytes: number;
    readonly driver: string;
    readonly runtime: string;
  } | null;
}

/** The GPU (src/kernels/device.ts). Masks are buffers of bits: coordinate i is kept where bit i % 32 of word i / 32 is set. */
export interface NativeDevice {
  readonly Buffer: new (element: DeviceElement, rows: number, columns: number) => NativeDeviceBuffer;
  status(): NativeDeviceStatus;
  squaredNorms(gradients: NativeDeviceBuffer, mask: NativeDeviceBuffer | null): Float64Array;
  /** Adds to `sum`. */
  clipAndSum(
    gradients: NativeDeviceBuffer,
    mask: NativeDeviceBuffer | null,
    sum: NativeDeviceBuffer,
    clipFunction: string,
    attributes: Attributes,
    threshold: number,
  ): void;
  sparsify(gradients: NativeDeviceBuffer, mask: NativeDeviceBuffer): void;
  privatize(update: {
    readonly sum: NativeDeviceBuffer;
    readonly mask: NativeDeviceBuffer | null;
    readonly parameters: NativeDeviceBuffer;
    readonly state: readonly NativeDeviceBuffer[];
    readonly optimizer: { readonly kind: string; readonly attributes: Attributes };
    readonly learningRate: number;
    readonly step: number;
    readonly normalizer: number;
    readonly deviation: number;
    /** 32 bytes. */
    readonly key: Uint8Array;
  }): void;
  synchronize(): void;
}

export interface NativeBinding {
  /** Of the package that it was built from. */
  readonly version: string;
  /** SHA-256 of this file as it was then, in hexadecimal; "" where it was built without it, as from a published package. */
  readonly border: string;
  readonly examples: NativeExampleKernels;
  readonly device: NativeDevice;
  /** Internal to bench/. */
  readonly kernels: NativeKernels;
  /**
   * Overwrites `words` with the AES-256-CTR keystream of a 32-byte key, from its 16-byte block `block` on; the counter
   * starts at zero, as in Node's `createCipheriv`, which makes a new buffer each time.
   */
  keystream(key: Uint8Array, block: number, words: Uint32Array): void;
  /**
   * Overwrites `samples` with exact discrete Gaussians of deviation σ, a whole number in [1, 2⁵²]: P(x) ∝ exp(−x²/(2σ²)) over
   * all integers. From a 32-byte key, for this call alone; copied, and the copy wiped.
   */
  discreteNoise(key: Uint8Array, deviation: number, samples: BigInt64Array): void;
  /** 1 for the `count` ≥ 1 values of largest magnitude, lower indices first among equals, 0 for the others. */
  largest(values: Float32Array, count: number): Uint8Array;
  readonly Session: new (spec: NativeSessionSpec) => NativeSession;
  /** Registered native layers, losses, optimizers, clip functions; CPU features and library versions, for `doctor`. */
  info(): {
    readonly layers: readonly string[];
    readonly cpuFeatures: readonly string[];
    readonly libraries: Readonly<Record<string, string>>;
    readonly cores: number;
  };
}
