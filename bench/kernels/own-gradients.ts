/**
 * Kernels over the caller's own gradients, from 1 KB to 1 GB: separate passes ↔ one read, norms, plain reading. First
 * a benny suite a size, each contender by itself; then, what counts, all of them in turn, as `npm run bench` does it.
 */
import { writeFileSync } from "node:fs";
import { type GradientRun, runGradientKernels } from "../../src/bench/gradient-run.js";
import { gradientTable, shapeName } from "../../src/bench/gradient-text.js";
import { describeMachine } from "../../src/bench/machine.js";
import { benchmarkPage } from "../../src/bench/page.js";
import { gradientContenders, hasMemoryFor, sizes } from "../../src/bench/ready-gradients.js";
import { skippedLine } from "../../src/bench/table.js";
import { gigabytes, runSuite } from "./run-suite.js";

export interface OwnGradientsOutput {
  /** Gets machine, kernels and what was left out. */
  readonly json?: string | undefined;
  /** Gets a page with charts. */
  readonly html?: string | undefined;
}

export async function ownGradientsSuite({ json, html }: OwnGradientsOutput): Promise<void> {
  const machine = describeMachine();
  for (const shape of sizes.filter((one) => hasMemoryFor(one))) {
    const rate = gigabytes(shape.bytes);
    await runSuite(
      shapeName(shape),
      gradientContenders(shape).map((contender) => ({ contender, rate })),
    );
  }
  const run = await runGradientKernels((line) => process.stderr.write(`${line}\n`));
  print(run);
  const result = { machine, rows: [], ...run };
  if (json) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  if (html) writeFileSync(html, await benchmarkPage(result));
}

function print({ kernels, skipped }: GradientRun): void {
  const lines = skipped.map((row) => `${skippedLine(row)}\n`);
  process.stdout.write(`\n${gradientTable(kernels)}\n\n${lines.join("")}`);
}
