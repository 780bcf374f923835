/** Clipping of ready gradients from 1 KB to 1 GB: separate passes ↔ one read, beside norms alone and plain reading. */
import { clipAndSumSync, perExampleNormsSync } from "../kernels/index.js";
import { loadBinding } from "../native/load.js";
import {
  callContender,
  clipContender,
  clippedReference,
  randomFloats,
  readContender,
  requireClose,
} from "./gradient-kernels.js";
import { type Contender, interleave, type Pace } from "./interleave.js";
import { gradientImplementations, type KernelRow } from "./results.js";

/** Gradients [bytes / 4 / columns, columns] in float32. */
export interface GradientShape {
  readonly bytes: number;
  readonly columns: number;
}

const MB = 2 ** 20;
/** The size that is measured in many shapes: beyond the caches of most machines. */
export const SHAPED_BYTES = 64 * MB;

/** One shape a size; rows as long as those of a small network where there is room for some. */
export const sizes: readonly GradientShape[] = [
  { bytes: 2 ** 10, columns: 64 },
  { bytes: 2 ** 14, columns: 256 },
  { bytes: 2 ** 18, columns: 2 ** 10 },
  { bytes: 4 * MB, columns: 2 ** 12 },
  { bytes: SHAPED_BYTES, columns: 2 ** 16 },
  { bytes: 2 ** 30, columns: 2 ** 16 },
];

/** From many short rows to four long ones. */
const shaped: readonly GradientShape[] = [10, 12, 20, 22].map((log) => ({
  bytes: SHAPED_BYTES,
  columns: 2 ** log,
}));

/** In order of size, then of row length. */
export const gradientShapes: readonly GradientShape[] = [...sizes, ...shaped].sort(
  (a, b) => a.bytes - b.bytes || a.columns - b.columns,
);

/** Floats that are left unread there, so that streams start a multiple of 16 KB apart that is no power of two. */
const UNREAD = 33 * 2 ** 13;
const PACE: Pace = { rounds: 11, slotMs: 20 };

/** Bytes: the gradients, the process, and some room for others. */
export function memoryNeeded({ bytes }: GradientShape): number {
  return 1.5 * bytes;
}

export function hasMemoryFor(shape: GradientShape, available = process.availableMemory()): boolean {
  return memoryNeeded(shape) <= available;
}

/**
 * Contenders of one shape, by implementation, all on the same gradients (`naive` scales them in place, which changes
 * nothing about the work). @throws Error where one does not match float64 on these very gradients.
 */
export function gradientContenders({ bytes, columns }: GradientShape): Contender[] {
  const gradients = randomFloats(bytes / 4);
  const examples = gradients.length / columns;
  requireMatches(gradients, columns);
  const output = new Float32Array(columns);
  return [
    plainReading(gradients),
    { ...clipContender("separate", gradients, columns), name: "naive" },
    clipContender("fused", gradients, columns),
    callContender("clipAndSum", () => clipAndSumSync(gradients, { examples, threshold: 1, output })),
    callContender("perExampleNorms", () => perExampleNormsSync(gradients, { examples })),
  ];
}

/**
 * Reading cuts its values into equal streams. In a gigabyte these start so many powers of two apart that they get into
 * each other's way (11 instead of 20 to 26 GB/s, measured): a thousandth less is read there, and the time scaled.
 */
function plainReading(gradients: Float32Array): Contender {
  if (gradients.byteLength <= SHAPED_BYTES) return readContender(gradients);
  const part = gradients.subarray(0, gradients.length - UNREAD);
  const { name, run } = readContender(part);
  const scale = gradients.length / part.length;
  return { name, run: async (steps) => (await run(steps)).map((ms) => ms * scale) };
}

/** Measures one shape in turn, beginning no round (but the least) after `budgetMs`. */
export async function measureShape(shape: GradientShape, budgetMs: number): Promise<KernelRow[]> {
  const { bytes, columns } = shape;
  const contenders = gradientContenders(shape);
  const measured = await interleave(contenders, { ...PACE, budgetMs });
  return gradientImplementations.map((implementation) => {
    const msPerCall = measured.ms(implementation);
    return {
      implementation,
      bytes,
      examples: bytes / 4 / columns,
      columns,
      msPerCall,
      msQuartiles: measured.range(implementation),
      gigabytesPerSecond: bytes / msPerCall / 1e6,
      ofReading: 1 / (measured.ratio(implementation, "read") ?? Number.NaN),
      overFused: measured.ratio(implementation, "fused") ?? Number.NaN,
      rounds: measured.rounds(implementation).length,
    };
  });
}

function requireMatches(gradients: Float32Array, columns: number): void {
  const { kernels } = loadBinding();
  const examples = gradients.length / columns;
  const { sum, squaredNorms } = clippedReference(gradients, columns);
  requireClose("perExampleNorms", perExampleNormsSync(gradients, { examples }), squaredNorms);
  requireClose("clipAndSum", clipAndSumSync(gradients, { examples, threshold: 1 }).sum as Float32Array, sum);
  requireClose("fused", kernels.clipRows(gradients, examples, columns, 1, "fused", 1).sum, sum);
  requireClose("naive", kernels.clipRows(gradients, examples, columns, 1, "separate", 1).sum, sum); // last: in place
}
