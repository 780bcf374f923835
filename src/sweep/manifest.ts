/** sweep.json: which runs lie in a sweep's folder, what tells them apart, and where their data's paths start. */
import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../data/dataset.js";
import { stepRows } from "../privacy/ledger.js";
import { relations } from "../privacy/relation.js";
import { readJson, writeAtomically } from "../training/files.js";
import type { Grid } from "./grid.js";
import { selectionSchema } from "./selection-config.js";

const cellSchema = z.strictObject({
  /** Its folder, within the sweep's. */
  name: z.string().regex(/^\w[\w.-]*$/),
  variant: z.string().optional(),
  values: z.record(z.string(), z.string()),
});

/** What a selection was begun with: written once, before the first run. */
const begunSelectionSchema = selectionSchema.extend({
  /** Of the configurations that runs are drawn from. */
  digest: z.string(),
  relation: z.enum(relations),
  delta: z.number(),
  /** The steps of a run of each of them. */
  candidates: z.array(z.strictObject({ name: z.string(), steps: stepRows })).min(1),
  /** Which of them each run is, in order. */
  drawn: z.array(z.string()),
  /** Runs of which a step may have been taken, by folder, with the number of their ledger: gone, they still count. */
  begun: z.record(z.string(), z.string()).default({}),
});

const manifestSchema = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  notes: z.array(z.string()),
  /** An absolute path. */
  base: z.string(),
  cells: z.array(cellSchema),
  /** Absent where every cell of a grid is trained. */
  selection: begunSelectionSchema.optional(),
});

export type BegunSelection = Readonly<z.output<typeof begunSelectionSchema>>;
export type SweepManifest = Readonly<z.output<typeof manifestSchema>>;
export type SweepCell = Readonly<z.output<typeof cellSchema>>;

/** Undefined where the folder is no sweep's. Throws a DataError naming the file where it is damaged. */
export function readManifest(folder: string): SweepManifest | undefined {
  const path = manifestPath(folder);
  const content = readJson(path);
  if (content === undefined) return undefined;
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(`${path}: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Writes what the grid holds, and keeps cells of an earlier grid: what they spent is spent. */
export function writeManifest(folder: string, { name, notes, base, cells }: Grid, selection?: BegunSelection): void {
  const now = cells.map((cell): SweepCell => ({ name: cell.name, variant: cell.variant, values: { ...cell.values } }));
  const names = new Set(now.map((cell) => cell.name));
  const before = (readManifest(folder)?.cells ?? []).filter((cell) => !names.has(cell.name));
  save(folder, { format: 1, name, notes: [...notes], base, cells: [...before, ...now], selection });
}

/** Notes that a run of a selection is about to take steps; `run`: the number in its ledger. */
export function noteBegun(folder: string, cell: string, run: string): void {
  const manifest = readManifest(folder);
  const selection = manifest?.selection;
  if (!manifest || !selection || selection.begun[cell] === run) return;
  save(folder, { ...manifest, selection: { ...selection, begun: { ...selection.begun, [cell]: run } } });
}

function save(folder: string, manifest: SweepManifest): void {
  writeAtomically(manifestPath(folder), `${JSON.stringify(manifest, null, 2)}\n`);
}

function manifestPath(folder: string): string {
  return join(folder, "sweep.json");
}
