/**
 * Trains the cells of a grid one after the other, each into a folder of its own, as `hushgrad train` would. What is
 * finished is left alone, what was begun is gone on with, what fails does not stop the others.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { statusOf } from "../privacy/ledger-compose.js";
import { withAccountant } from "../training/accountant-choice.js";
import type { TrainingConfig } from "../training/config.js";
import type { TrainingResult } from "../training/events.js";
import { makeFolder } from "../training/files.js";
import { fingerprint } from "../training/fingerprint.js";
import { RunDirectoryError, readRunLedger, runPaths } from "../training/run-directory.js";
import { RunLock } from "../training/run-lock.js";
import { Trainer, type TrainerOptions } from "../training/trainer.js";
import { planTraining } from "../training/training-plan.js";
import type { Grid, GridCell } from "./grid.js";
import { noteBegun, readManifest, writeManifest } from "./manifest.js";
import { drawSelection } from "./selection.js";

export type CellOutcome = { readonly cell: GridCell; readonly folder: string } & (
  | { readonly state: "done" }
  | { readonly state: "trained" | "interrupted"; readonly result: TrainingResult }
  | { readonly state: "failed"; readonly error: unknown }
);

/** A cell's examples. */
export type CellData = Pick<TrainerOptions, "train" | "test" | "public" | "classes">;

export interface SweepOptions {
  /** Holds the cells' folders. One process at a time works in it. */
  readonly out: string;
  /** Reads what a configuration names. What it throws fails the cell. */
  load(config: TrainingConfig): Promise<CellData>;
  /** Called once, with the cells that will be trained: those of the grid, or the runs drawn from them. */
  onBegin?(cells: readonly GridCell[]): void;
  /** Called before each cell that trains. */
  onTrain?(trainer: Trainer, cell: GridCell): void;
  /** Called after each cell. */
  onOutcome?(outcome: CellOutcome): void;
  /** Asks to stop after the step under way: everything is written, and the next sweep goes on there. */
  readonly signal?: AbortSignal | undefined;
}

/** Gives the outcomes of the cells that were reached. Rejects with a RunDirectoryError where `out` is in use. */
export async function runSweep(grid: Grid, options: SweepOptions): Promise<readonly CellOutcome[]> {
  const { out, signal } = options;
  makeFolder(out);
  const lock = RunLock.take(out, join(out, "sweep.lock"));
  try {
    const sweep = await begin(grid, options);
    options.onBegin?.(sweep.cells);
    const outcomes: CellOutcome[] = [];
    for (const cell of sweep.cells) {
      if (signal?.aborted) break;
      const outcome = await runCell(sweep, cell, options);
      outcomes.push(outcome);
      options.onOutcome?.(outcome);
    }
    return outcomes;
  } finally {
    lock.release();
  }
}

/** What will be trained, written down before it is. */
async function begin(grid: Grid, { out, load }: SweepOptions): Promise<Grid> {
  if (grid.selection) {
    const drawn = await drawSelection(grid, grid.selection, out, load);
    writeManifest(out, drawn.grid, drawn.selection);
    return drawn.grid;
  }
  if (readManifest(out)?.selection) {
    throw new RunDirectoryError(`${out} holds runs of which the best is chosen, and no grid: another --out starts one`);
  }
  writeManifest(out, grid);
  return grid;
}

async function runCell(grid: Grid, cell: GridCell, options: SweepOptions): Promise<CellOutcome> {
  const folder = join(options.out, cell.name);
  const { config } = cell;
  try {
    const data = await options.load(config);
    const begun = existsSync(runPaths(folder).ledger);
    if (begun && isDone(folder, config, data.train.size)) return { cell, folder, state: "done" };
    const title = `${grid.name}: ${cell.name}`;
    const trainer = new Trainer({ ...data, config, out: folder, resume: begun, title });
    // Its ledger is there, and no step has been taken.
    trainer.on("start", () => noteBegun(options.out, cell.name, readRunLedger(folder).start.run));
    options.onTrain?.(trainer, cell);
    const result = await trainer.run(options.signal);
    return { cell, folder, result, state: result.stopped === "interrupted" ? "interrupted" : "trained" };
  } catch (error) {
    return { cell, folder, error, state: "failed" };
  }
}

/** Throws a RunDirectoryError where the run that ended there is another than the one that is asked for. */
function isDone(folder: string, config: TrainingConfig, examples: number): boolean {
  const ledger = readRunLedger(folder);
  const status = statusOf(ledger);
  if (status !== "finished" && status !== "budget") return false;
  const wanted = withAccountant(config, folder);
  if (fingerprint(wanted, planTraining(wanted, examples)) === ledger.start.fingerprint) return true;
  throw new RunDirectoryError(
    `${folder} holds a finished run of another configuration: another --out, or another name for the cell, starts a new one`,
  );
}
