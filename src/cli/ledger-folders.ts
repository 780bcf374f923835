/** What `hushgrad ledger` is pointed at: runs, sweeps, of which it takes every run, and what a sweep selected. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Ledger } from "../privacy/ledger.js";
import { readManifest } from "../sweep/manifest.js";
import { checkStillThere } from "../sweep/runs.js";
import { readSelected, type SelectedStatement, selectedFolder } from "../sweep/selection.js";
import { RunDirectoryError, readRunLedger, refuseWithoutLedger, runPaths } from "../training/run-directory.js";

export interface SelectedShare extends SelectedStatement {
  readonly directory: string;
  /** Its sweep is among the folders: its runs are counted, and it is one of them. */
  readonly counted: boolean;
}

export interface LedgerFolders {
  /** Each with its folder as its name. */
  readonly ledgers: readonly Ledger[];
  readonly selected: readonly SelectedShare[];
  /** Runs of sweeps that have no ledger yet. */
  readonly notBegun: readonly string[];
}

/** Throws an error that names a folder that holds nothing of these, or a ledger that is damaged or gone. */
export function readLedgerFolders(paths: readonly string[]): LedgerFolders {
  const unique = [...new Map(paths.map((path) => [resolve(path), path])).values()];
  const found = unique.map((path) => readFolder(path));
  const sweeps = new Set(unique.filter((_, i) => found[i]?.isSweep).map((path) => resolve(selectedFolder(path))));
  const named = unique.flatMap((path, i) => ({ directory: path, statement: found[i]?.statement }));
  const within = [...sweeps].map((directory) => ({ directory, statement: readSelected(directory) }));
  const own = named.filter(({ directory }) => !sweeps.has(resolve(directory)));
  return {
    ledgers: found.flatMap(({ ledgers }) => ledgers),
    notBegun: found.flatMap(({ notBegun }) => notBegun),
    selected: [
      ...own.flatMap(({ directory, statement }) => (statement ? [{ ...statement, directory, counted: false }] : [])),
      ...within.flatMap(({ directory, statement }) => (statement ? [{ ...statement, directory, counted: true }] : [])),
    ],
  };
}

interface Found {
  readonly ledgers: readonly Ledger[];
  readonly notBegun: readonly string[];
  readonly isSweep: boolean;
  readonly statement?: SelectedStatement | undefined;
}

function readFolder(path: string): Found {
  const manifest = readManifest(path);
  if (manifest) return readSweep(path, manifest);
  if (existsSync(runPaths(path).ledger)) return { ledgers: [readNamed(path)], notBegun: [], isSweep: false };
  const statement = readSelected(path);
  if (statement) return { ledgers: [], notBegun: [], isSweep: false, statement };
  refuseWithoutLedger(path);
  throw new RunDirectoryError(
    `${path} holds neither a run (there is no ledger.jsonl) nor a sweep, nor what a sweep selected; give the folder that --out named`,
  );
}

function readSweep(path: string, { cells, selection }: NonNullable<ReturnType<typeof readManifest>>): Found {
  const folders = cells.map(({ name }) => join(path, name));
  cells.forEach(({ name }, i) => {
    checkStillThere(folders[i] as string, selection?.begun[name]);
  });
  const begun = folders.filter((folder) => existsSync(runPaths(folder).ledger));
  const notBegun = folders.filter((folder) => !begun.includes(folder));
  return { ledgers: begun.map(readNamed), notBegun, isSweep: true };
}

function readNamed(path: string): Ledger {
  return { ...readRunLedger(path), name: path };
}
