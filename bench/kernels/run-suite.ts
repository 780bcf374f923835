/** A benny suite of contenders, and what their times mean: GB/s, GFLOP/s, nanoseconds a parameter. */
import { add, complete, cycle, suite } from "benny";
import type { Contender } from "../../src/bench/interleave.js";
import { table } from "../../src/cli/format.js";

export interface Case {
  readonly contender: Contender;
  /** What one step amounts to, such as `5.2 GB/s`, from its seconds. */
  rate(seconds: number): string;
}

const OPTIONS = { minSamples: 5, maxTime: 1 };

/** Runs the cases one after the other and prints benny's lines and a table of rates. */
export async function runSuite(name: string, cases: readonly Case[]): Promise<void> {
  const entries = cases.map(({ contender }) =>
    add(
      contender.name,
      async () => {
        await contender.run(1);
      },
      OPTIONS,
    ),
  );
  // cycle() redraws lines, which a file would keep all of.
  const summary = await suite(name, ...entries, ...(process.stdout.isTTY ? [cycle()] : []), complete());
  const rows = summary.results.map(({ name: title, details }, i) => [
    title,
    `${(details.median * 1000).toPrecision(3)} ms`,
    cases[i]?.rate(details.median) ?? "",
  ]);
  const columns = [{ title: name }, { title: "median", right: true }, { title: "rate", right: true }];
  process.stdout.write(`\n${table(columns, rows)}\n\n`);
}

export function gigabytes(bytes: number): (seconds: number) => string {
  return (seconds) => `${(bytes / seconds / 1e9).toFixed(1)} GB/s`;
}
