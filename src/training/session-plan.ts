/**
 * How much memory a process will take above what it had before model and data: what the engine allocates, the batch
 * and its copies, and what the runtime and the libraries take at first use.
 */
import type { LayerPlan, SessionPlan as NativePlan } from "../native/binding.js";
import type { ExampleShape } from "./batch.js";

/** What was decided before the first step: per layer the method, FLOPs and bytes; chunk size, lanes, memory. */
export interface SessionPlan extends NativePlan {
  /** Examples of the logical batch that memory was planned for. */
  readonly batchSize: number;
  /** The caller's own arrays: one batch, or one slice of a batch that is handed over in slices. */
  readonly batchBytes: number;
  /** Copies of it on their way to the engine: one, or two where a slice waits while another is under way. */
  readonly stagingBytes: number;
  /** Sums in float64 between the slices of a batch that does not cross in one call. */
  readonly carriedBytes: number;
  /** The second model, which takes the gradients that coordinates are chosen by: 0 where they are not. */
  readonly probeBytes: number;
  /** Measured, not computed: code, thread stacks, packed operands of products, generated kernels. */
  readonly runtimeBytes: number;
  /** All of it: the peak to expect. */
  readonly totalBytes: number;
}

/**
 * Node.js's and the libraries' own, fitted to peaks measured on x86-64 Linux with oneDNN 2.6 and two threads
 * (docs/benchmarks.md): pages of code, stacks, what products pack their operands into.
 */
const RUNTIME_BYTES = 9.8 * 2 ** 20;
/** Likewise of every kernel that the library generates for a convolution, in every worker. */
const CONVOLUTION_KERNEL_BYTES = 0.5 * 2 ** 20;

/** At most what a worker's products pack their weights into, again as measured: smaller weights take their own size. */
const PACKED_PRODUCT_BYTES = 1.5 * 2 ** 20;

export interface PlannedBatch {
  readonly example: ExampleShape;
  /** Examples that cross to the engine in one call. */
  readonly sliceSize: number;
  /** Logical batch, ≥ 0. */
  readonly batchSize: number;
  readonly trainableParameters: number;
}

/** The native plan, and all that is resident beside it. */
export function planSession(native: NativePlan, planned: PlannedBatch): SessionPlan {
  const { example, sliceSize, batchSize, trainableParameters } = planned;
  const sliced = batchSize > sliceSize;
  const batchBytes = 4 * Math.min(batchSize, sliceSize) * (example.inputElements + example.targetElements);
  const stagingBytes = (sliced ? 2 : 1) * batchBytes;
  const carriedBytes = sliced ? 8 * trainableParameters : 0;
  const kernels = native.layers.reduce((sum, layer) => sum + generatedKernels(layer), 0);
  const perWorker = CONVOLUTION_KERNEL_BYTES * kernels + Math.max(0, ...native.layers.map(packedProduct));
  const runtimeBytes = Math.round(RUNTIME_BYTES + perWorker * native.threads);
  const totalBytes = native.totalBytes + batchBytes + stagingBytes + carriedBytes + runtimeBytes;
  return { ...native, batchSize, batchBytes, stagingBytes, carriedBytes, probeBytes: 0, runtimeBytes, totalBytes };
}

/** The plan of a session beside which a probe (InformedMask) works, as planned by itself; they share the libraries. */
export function withProbe(plan: SessionPlan, probe: SessionPlan, trainableParameters: number): SessionPlan {
  const gradientAndMarks = (4 + 1) * trainableParameters;
  const probeBytes = probe.totalBytes - probe.runtimeBytes + gradientAndMarks;
  return { ...plan, probeBytes, totalBytes: plan.totalBytes + probeBytes };
}

/** `forward oneDNN jit:avx2, weight gradient oneDNN jit:avx2` names two. */
function generatedKernels({ kind, implementation }: LayerPlan): number {
  return kind === "Conv2d" || kind === "Conv3d" ? implementation.split("oneDNN").length - 1 : 0;
}

function packedProduct({ kind, parameters }: LayerPlan): number {
  return kind === "Linear" ? Math.min(4 * parameters, PACKED_PRODUCT_BYTES) : 0;
}
