/** Measures the kernels over ready gradients, shape by shape, in a process of their own. */
import { shapeName } from "./gradient-text.js";
import { type LineChild, SkippedError } from "./line-child.js";
import { startOwnChild } from "./own-child.js";
import { type GradientShape, gradientShapes, hasMemoryFor, memoryNeeded } from "./ready-gradients.js";
import type { KernelRow, Log, SkippedRow } from "./results.js";

export interface GradientRun {
  readonly kernels: readonly KernelRow[];
  readonly skipped: readonly SkippedRow[];
}

export interface GradientRunOptions {
  readonly shapes?: readonly GradientShape[];
  /** For all shapes together; small ones leave their time to large ones. */
  readonly budgetMs?: number;
  /** Bytes that may be taken. */
  readonly availableMemory?: number;
}

/** Half a minute in all on two cores, checks against float64 and the start of the process included. */
const BUDGET_MS = 18_000;

/** Shapes for which memory does not suffice, and those that fail, are told in `skipped`, not thrown. */
export async function runGradientKernels(log: Log, options: GradientRunOptions = {}): Promise<GradientRun> {
  const { shapes = gradientShapes, budgetMs = BUDGET_MS, availableMemory = process.availableMemory() } = options;
  const end = performance.now() + budgetMs;
  const kernels: KernelRow[] = [];
  const skipped: SkippedRow[] = [];
  let child: LineChild | undefined;
  for (const [done, shape] of shapes.entries()) {
    log(shapeName(shape));
    try {
      requireMemory(shape, availableMemory);
      child ??= startOwnChild({ kind: "kernels" });
      const share = Math.max(1, (end - performance.now()) / (shapes.length - done));
      const { rows } = await child.ask({ kind: "shape", ...shape, budgetMs: share }, "kernels");
      kernels.push(...rows);
    } catch (error) {
      if (!(error instanceof SkippedError)) child = stop(child);
      const { message: reason } = error as Error;
      const missing = error instanceof SkippedError;
      skipped.push({ engine: "hushgrad", workload: shapeName(shape), strategy: "all kernels", reason, missing });
      log(`${shapeName(shape)}: left out: ${reason}`);
    }
  }
  stop(child);
  return { kernels, skipped };
}

function stop(child: LineChild | undefined): undefined {
  child?.kill();
}

function requireMemory(shape: GradientShape, available: number): void {
  if (hasMemoryFor(shape, available)) return;
  const gigabytes = (count: number) => (count / 2 ** 30).toFixed(1);
  const needed = gigabytes(memoryNeeded(shape));
  throw new SkippedError(`needs ${needed} GB of free memory, there are ${gigabytes(available)}`);
}
