/** `hushgrad report DIR…`: one page over the runs of a sweep, or over any runs. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { sweepReport } from "../report/sweep-report.js";
import { readManifest } from "../sweep/manifest.js";
import { isSegmentation, predict } from "../sweep/predictions.js";
import { type CellRun, type Runs, readRuns } from "../sweep/runs.js";
import { selectedOf } from "../sweep/selection.js";
import { spentTogether } from "../sweep/spent.js";
import { applyOverrides, parseConfig } from "../training/config.js";
import { loadData } from "../training/data-config.js";
import { writeOutput } from "../training/files.js";
import { runPaths } from "../training/run-directory.js";
import { printable } from "./failure.js";

interface ReportOptions {
  readonly out?: string;
  readonly data?: string;
}

export function register(program: Command): void {
  program
    .command("report")
    .description("draw the runs of a sweep, or any runs, on one page: what they reached and what they spent, by noise")
    .argument("<dirs...>", "folders of sweeps or runs on the same data")
    .option("-o, --out <file>", "the page (default: report.html in the first folder, if that is a sweep's)")
    .option("--data <dir>", "folder with the data, for pictures of predictions", (path) => resolve(path))
    .action(report);
}

async function report(folders: readonly string[], options: ReportOptions, command: Command): Promise<void> {
  const found = readRuns(folders);
  const out = options.out ?? defaultOut(folders);
  if (out === undefined)
    command.error("error: --out FILE is needed: the first folder is no sweep's, and holds its own page");
  const spent = found.damaged.length > 0 ? undefined : spentTogether(found.runs);
  const pictures = await picturesOf(found, options.data);
  const [first = "."] = folders;
  const selected = found.damaged.length > 0 || folders.length > 1 ? undefined : selectedOf(first, found.runs);
  writeOutput(out, await sweepReport({ ...found, spent, selected, pictures }));
  process.stdout.write(`${out}\n`);
}

function defaultOut([first = "."]: readonly string[]): string | undefined {
  return readManifest(first) && join(first, "report.html");
}

/** Pictures are an extra: where their data or checkpoints cannot be read, the page does without, and stderr says why. */
async function picturesOf({ runs }: Runs, folder: string | undefined): Promise<string | undefined> {
  const dataOf = ({ config }: CellRun) => JSON.stringify(config.data);
  const [first] = runs;
  if (!first || (first.base === undefined && folder === undefined)) return undefined;
  try {
    const config = parseConfig(applyOverrides(first.config, { data: folder }));
    const { test } = await loadData(config.data, first.base);
    if (!test || !isSegmentation(test)) return undefined;
    const alike = runs.filter((run) => dataOf(run) === dataOf(first) && existsSync(runPaths(run.folder).checkpoint));
    const { segmentationCard } = await import("../report/segmentation-pictures.js"); // needs sharp, the page does not
    return await segmentationCard(await predict(alike, test), "A picture, its classes and what the cells predict");
  } catch (error) {
    process.stderr.write(`no pictures: ${printable((error as Error).message)}\n`);
    return undefined;
  }
}
