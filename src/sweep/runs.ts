/** What finished and half-done runs left in their folders, as far as a report over several of them tells it. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { makeAccountant } from "../privacy/accountant.js";
import { groupEpsilon } from "../privacy/group.js";
import type { Ledger } from "../privacy/ledger.js";
import { type LedgerShare, spentOf, statusOf } from "../privacy/ledger-compose.js";
import { parseConfig, readConfigJson, type TrainingConfig } from "../training/config.js";
import { type MetricsRow, readMetrics } from "../training/metrics.js";
import { RunDirectoryError, readRunLedger, runPaths } from "../training/run-directory.js";
import { readManifest, type SweepCell } from "./manifest.js";

/** One run. Everything in `metrics`, and `seconds`, is outside ε. */
export interface CellRun extends SweepCell {
  readonly folder: string;
  /** Where relative paths of its data start; unknown for runs that no sweep made. */
  readonly base?: string | undefined;
  readonly config: TrainingConfig;
  readonly ledger: Ledger;
  readonly metrics: readonly MetricsRow[];
  readonly status: LedgerShare["status"];
  readonly privacy: "private" | "seeded" | "none";
  /** σ of the first step; undefined without privacy. */
  readonly noiseMultiplier?: number | undefined;
  /** At δ of the configuration, of all that the ledger counts. Infinity without privacy. */
  readonly epsilon: number;
  /** The same for a group of examples, where the configuration declares one. */
  readonly groupEpsilon?: number | undefined;
  /** That the model has taken. */
  readonly steps: number;
  readonly seconds: number;
}

export interface Runs {
  /** The first sweep's name, or the folder's. */
  readonly title: string;
  /** What their grids say of them. */
  readonly notes: readonly string[];
  readonly runs: readonly CellRun[];
  /** Cells of sweeps that have not begun. */
  readonly missing: readonly string[];
  /** Cells that cannot be read, and why: what they spent is unknown. */
  readonly damaged: readonly string[];
}

/**
 * Reads folders of sweeps and of single runs. Throws an error that names the folder or file where one is damaged or holds
 * neither; a sweep's cells that are damaged are named in the answer.
 */
export function readRuns(folders: readonly string[]): Runs {
  const found = folders.map(readFolder);
  return {
    title: found[0]?.title ?? "",
    notes: found.flatMap(({ notes }) => notes),
    runs: found.flatMap(({ runs }) => runs),
    missing: found.flatMap(({ missing }) => missing),
    damaged: found.flatMap(({ damaged }) => damaged),
  };
}

function readFolder(folder: string): Runs {
  const manifest = readManifest(folder);
  if (!manifest) {
    const title = basename(resolve(folder));
    return { title, notes: [], runs: [readRun(folder, { name: title, values: {} })], missing: [], damaged: [] };
  }
  const { name: title, notes, base, cells } = manifest;
  const noted = manifest.selection?.begun ?? {};
  const begun = cells.filter(({ name }) => Object.hasOwn(noted, name) || hasRun(join(folder, name)));
  const missing = cells.filter((cell) => !begun.includes(cell)).map(({ name }) => name);
  const runs: CellRun[] = [];
  const damaged: string[] = [];
  for (const cell of begun) {
    try {
      checkStillThere(join(folder, cell.name), noted[cell.name]);
      runs.push(readRun(join(folder, cell.name), cell, base));
    } catch (error) {
      damaged.push((error as Error).message);
    }
  }
  return { title, notes, runs, missing, damaged };
}

/**
 * Throws a RunDirectoryError where the run that was noted in sweep.json has gone from its folder, or another is there: what it
 * spent is spent, and nothing counts it any more.
 */
export function checkStillThere(folder: string, noted: string | undefined): void {
  if (noted === undefined) return;
  if (hasRun(folder) && readRunLedger(folder).start.run === noted) return;
  throw new RunDirectoryError(
    `${folder} no longer holds the run that was begun there (${noted.slice(0, 8)}), and what it spent counts nowhere: put the ` +
      "folder back; where it is lost, nothing may be published of these runs, and a new sweep in another --out adds to what they spent",
  );
}

function hasRun(folder: string): boolean {
  return existsSync(runPaths(folder).ledger);
}

function readRun(folder: string, cell: SweepCell, base?: string): CellRun {
  const { config: file, metrics: metricsFile } = runPaths(folder);
  if (!hasRun(folder)) throw new RunDirectoryError(`${folder} holds neither a run nor a sweep`);
  const ledger = readRunLedger(folder);
  const config = parseConfig(readConfigJson(file), file);
  const metrics = existsSync(metricsFile) ? readMetrics(metricsFile) : [];
  const { step = 0, seconds = 0 } = metrics.at(-1) ?? {};
  return {
    ...cell,
    folder,
    base,
    config,
    ledger,
    metrics,
    status: statusOf(ledger),
    privacy: config.privacy ? (ledger.start.seeded ? "seeded" : "private") : "none",
    noiseMultiplier: config.privacy && ledger.start.mechanisms[0]?.noiseMultiplier,
    ...epsilons(config, ledger),
    steps: step,
    seconds,
  };
}

function epsilons({ privacy }: TrainingConfig, ledger: Ledger): Pick<CellRun, "epsilon" | "groupEpsilon"> {
  if (!privacy) return { epsilon: Number.POSITIVE_INFINITY };
  const { delta, group, accountant } = privacy;
  const spent = spentOf(ledger);
  return {
    epsilon: makeAccountant(accountant).epsilonWith(spent, delta),
    groupEpsilon: group && groupEpsilon(spent, group.size, delta),
  };
}
