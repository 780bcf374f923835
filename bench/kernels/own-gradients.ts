/** Kernels over the caller's own gradients, from 1 KB to 1 GB: separate passes ↔ one read, as shares of plain reading. */
import { totalmem } from "node:os";
import { type Contender, interleave } from "../../src/bench/interleave.js";
import { table } from "../../src/cli/format.js";
import { clipAndSumSync, perExampleNormsSync } from "../../src/kernels/index.js";
import { clipContender, randomFloats, readContender, requireClipped } from "../lib/kernels.js";

const SHAPES: readonly (readonly [bytes: number, columns: number])[] = [
  [2 ** 10, 64],
  [2 ** 14, 256],
  [2 ** 18, 2 ** 10],
  [2 ** 22, 2 ** 12],
  ...[10, 12, 14, 16, 18, 20, 22].map((log) => [2 ** 26, 2 ** log] as const),
  [2 ** 30, 2 ** 16],
];
const PACE = { rounds: 15, slotMs: 20, budgetMs: 20_000 };

export async function ownGradientsSuite(): Promise<void> {
  const rows: string[][] = [];
  for (const [bytes, columns] of SHAPES) {
    if (bytes <= totalmem() / 8) rows.push(await measure(bytes, columns));
  }
  const titles = ["gradients", "a row", "naive", "one read", "naive/one read", "share of reading", "norms"];
  const columns = titles.map((title, i) => ({ title, right: i > 0 }));
  process.stdout.write(`\n${table(columns, rows)}\n\n`);
}

async function measure(bytes: number, columns: number): Promise<string[]> {
  const gradients = randomFloats(bytes / 4);
  const examples = gradients.length / columns;
  const options = { examples, threshold: 1, output: new Float32Array(columns) };
  requireClipped("clipAndSum", (given, rows) => clipAndSumSync(given, { examples: rows, threshold: 1 }).sum);
  const read = readContender(gradients);
  const naive = clipContender("separate", gradients.slice(), columns);
  const clip = repeated("clip", () => clipAndSumSync(gradients, options));
  const norms = repeated("norms", () => perExampleNormsSync(gradients, { examples }));
  const measured = await interleave([read, naive, clip, norms], PACE);
  const share = (name: string) => `${(100 / (measured.ratio(name, read.name) ?? Number.NaN)).toFixed(0)} %`;
  return [
    size(bytes),
    `${columns}`,
    milliseconds(measured.ms(naive.name)),
    milliseconds(measured.ms(clip.name)),
    (measured.ratio(naive.name, clip.name) ?? Number.NaN).toFixed(1),
    share(clip.name),
    share(norms.name),
  ];
}

function repeated(name: string, work: () => unknown): Contender {
  const run = async (steps: number) => {
    const times: number[] = [];
    for (let step = 0; step < steps; step++) {
      const start = performance.now();
      work();
      times.push(performance.now() - start);
    }
    return times;
  };
  return { name, run };
}

function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${bytes / 2 ** 10} KB`;
  return bytes < 2 ** 30 ? `${bytes / 2 ** 20} MB` : `${bytes / 2 ** 30} GB`;
}

function milliseconds(ms: number): string {
  return `${ms.toPrecision(3)} ms`;
}
