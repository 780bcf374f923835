/** `hushgrad sweep GRID.json --out DIR`: trains every cell of a grid; said again, it goes on where it stopped. */
import type { Command } from "commander";
import { epsilonText } from "../report/numbers.js";
import { type GridCell, readGrid } from "../sweep/grid.js";
import { type CellData, type CellOutcome, runSweep } from "../sweep/run-sweep.js";
import { type CellRun, readRuns } from "../sweep/runs.js";
import { publishSelected, type Selected, selectedFolder, selectedOf } from "../sweep/selection.js";
import { spentTogether } from "../sweep/spent.js";
import type { ConfigOverrides, TrainingConfig } from "../training/config.js";
import { printable } from "./failure.js";
import { duration, short, table } from "./format.js";
import { INTERRUPTED, interruptSignal } from "./interrupt.js";
import { loadExamples } from "./load-data.js";
import { addOverrides } from "./overrides.js";
import { SweepProgress } from "./sweep-progress.js";

interface SweepOptions extends ConfigOverrides {
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command("sweep")
    .description("train every cell of a grid, each into a folder of its own; said again, it goes on where it stopped")
    .argument("<grid>", "base configuration, variants and lists of values, JSON (docs/sweeps.md)")
    .requiredOption("-o, --out <dir>", "folder of the sweep");
  addOverrides(command).action(sweep);
}

async function sweep(file: string, { out, ...overrides }: SweepOptions): Promise<void> {
  const grid = readGrid(file, overrides);
  let progress: SweepProgress | undefined;
  let cells: readonly GridCell[] = [];
  const interrupt = interruptSignal();
  try {
    const outcomes = await runSweep(grid, {
      out,
      load: keepLast((config) => loadExamples(config, grid.base)),
      onBegin: (drawn) => {
        cells = drawn;
        progress = new SweepProgress(drawn.length);
      },
      onTrain: (trainer, cell) => progress?.begin(trainer, cell),
      onOutcome: (outcome) => progress?.end(outcome),
      signal: interrupt.signal,
    });
    progress?.stop();
    process.stdout.write(summary(cells, outcomes, out));
    process.exitCode = exitCode(cells, outcomes);
  } finally {
    progress?.stop();
    interrupt.release();
  }
}

/** Cells next to each other mostly share their data, which takes long to read and much memory to keep. */
function keepLast(load: (config: TrainingConfig) => Promise<CellData>): (config: TrainingConfig) => Promise<CellData> {
  let last: { readonly key: string; readonly data: CellData } | undefined;
  return async (config) => {
    const key = JSON.stringify([config.data, config.sparsification?.source]);
    if (last?.key !== key) {
      last = undefined;
      last = { key, data: await load(config) };
    }
    return last.data;
  };
}

function exitCode(cells: readonly GridCell[], outcomes: readonly CellOutcome[]): number {
  if (outcomes.length < cells.length || outcomes.some(({ state }) => state === "interrupted")) return INTERRUPTED;
  return outcomes.some(({ state }) => state === "failed") ? 1 : 0;
}

const columns = [
  { title: "cell" },
  { title: "status" },
  { title: "steps", right: true },
  { title: "ε", right: true },
  { title: "time", right: true },
] as const;

function summary(cells: readonly GridCell[], outcomes: readonly CellOutcome[], out: string): string {
  const { runs, damaged } = readRuns([out]);
  const rows = outcomes.map(({ cell, state }) => {
    const run = runs.find(({ name }) => name === cell.name);
    if (!run) return [cell.name, state, "–", "–", "–"];
    const status = state === "failed" ? `failed (${run.status})` : run.status;
    return [cell.name, status, String(run.steps), spentText(run), duration(run.seconds)];
  });
  const left = cells.length - outcomes.length;
  const unreached = left > 0 ? [`${left} of the cells were not reached; the same command goes on.`] : [];
  const lines = [
    table(columns, rows),
    "",
    ...unreached,
    ...spentLines(runs, damaged),
    ...selectedLines(damaged.length > 0 ? undefined : selectedOf(out, runs), out),
    `Report: npx hushgrad report ${out}`,
  ];
  return `\n${lines.join("\n")}\n`;
}

function spentText({ privacy, epsilon }: CellRun): string {
  if (privacy === "none") return "not private";
  return privacy === "seeded" ? "seeded: not private" : epsilonText(epsilon);
}

function spentLines(runs: readonly CellRun[], damaged: readonly string[]): string[] {
  if (damaged.length > 0) return damaged.map((reason) => `What a cell has spent cannot be told: ${printable(reason)}`);
  const spent = spentTogether(runs);
  if (!spent) return [];
  const epsilon = epsilonText(spent.epsilon);
  return [
    `All ${spent.runs} private cells together: ε = ${epsilon} at δ = ${short(spent.delta)}. Choosing the best of them is outside`,
    "the ε of that one: whoever chooses has spent what all have spent together.",
  ];
}

/** Publishes the best, where all runs have ended, and says what that costs. */
function selectedLines(selected: Selected | undefined, out: string): string[] {
  if (!selected) return [];
  const { best, unfinished, by, law, mean } = selected;
  if (unfinished > 0) return [`${unfinished} of the runs have not ended: the best is chosen from all of them.`];
  if (!best)
    return [
      "No run was drawn: nothing is published. That is the outcome; whoever draws again until there is one multiplies δ by 1/(1 − e^−mean).",
    ];
  publishSelected(out, { ...selected, best });
  return [
    `The best by ${by} is in ${selectedFolder(out)}. Published alone it costs ε = ${epsilonText(selected.epsilon)} at ` +
      `δ = ${short(selected.delta)} (${selected.relation}; RepeatAndSelect,`,
    `${law} of mean ${mean}). Everything else in ${out}, how many runs there were and what was shown here stays secret.`,
  ];
}
