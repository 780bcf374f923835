/** Clipping of gradients that lie in memory, beside plain reading of the same memory. */
import { clipContender, readContender } from "../../src/bench/gradient-kernels.js";
import { type Contender, interleave } from "../../src/bench/interleave.js";
import { beyondCache } from "../lib/kernels.js";
import { gigabytes, runSuite } from "./run-suite.js";

const COLUMNS = [2 ** 10, 2 ** 12, 2 ** 14, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22];
const PACE = { rounds: 9, slotMs: 1 };

export async function memorySuite(): Promise<void> {
  const gradients = beyondCache();
  const read = readContender(gradients);
  const rows = COLUMNS.flatMap((columns) => [
    named(`fused, rows of ${columns}`, clipContender("fused", gradients, columns)),
    named(`separate, rows of ${columns}`, clipContender("separate", gradients, columns)),
  ]);
  const rate = gigabytes(gradients.byteLength);
  await runSuite(
    `clip ${gradients.byteLength / 2 ** 20} MB of gradients`,
    [read, ...rows].map((contender) => ({ contender, rate })),
  );
  await printShares(read, rows);
}

/** Measured once more, in turn, for benny measures one after the other and machines drift. */
async function printShares(read: Contender, rows: readonly Contender[]): Promise<void> {
  const measured = await interleave([read, ...rows], PACE);
  for (const { name } of rows) {
    const share = 100 / (measured.ratio(name, read.name) ?? Number.NaN);
    process.stdout.write(`${name}: ${share.toFixed(0)} % of the read bandwidth\n`);
  }
  process.stdout.write("\n");
}

function named(name: string, contender: Contender): Contender {
  return { ...contender, name };
}
