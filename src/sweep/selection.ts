/**
 * The best of several runs, at little more than the ε of one (Papernot & Steinke 2022; src/privacy/selection.ts). What the
 * theorem asks is what is done:
 * - how many runs there are is drawn beforehand, by cryptographic random bits, from a law that knows nothing of the data;
 * - each run draws its configuration from the same cells, uniformly and independently, and trains on its own;
 * - the best, by a score of its model alone, is published (`selected/`), and nothing of the others: neither their scores nor
 *   how many they were.
 * Both draws are written down before the first run, and never made again.
 */
import { createHash, randomInt } from "node:crypto";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { spentOf } from "../privacy/ledger-compose.js";
import { type Relation, relations } from "../privacy/relation.js";
import { drawRuns, selectionEpsilonOfAny } from "../privacy/selection.js";
import { ConfigError } from "../training/config-errors.js";
import { makeFolder, readJson, writeAtomically } from "../training/files.js";
import { RunDirectoryError, runPaths } from "../training/run-directory.js";
import { planTraining } from "../training/training-plan.js";
import type { Grid, GridCell } from "./grid.js";
import { type BegunSelection, readManifest } from "./manifest.js";
import type { CellData } from "./run-sweep.js";
import { type CellRun, checkStillThere } from "./runs.js";
import type { SelectionConfig } from "./selection-config.js";

/** The runs of a selection as a grid of their own. Throws an error that says why the folder, or a cell, cannot be in one. */
export async function drawSelection(
  grid: Grid,
  config: SelectionConfig,
  out: string,
  load: (config: GridCell["config"]) => Promise<CellData>,
): Promise<{ readonly grid: Grid; readonly selection: BegunSelection }> {
  const digest = digestOf(grid, config);
  const manifest = readManifest(out);
  if (manifest && manifest.selection?.digest !== digest) {
    throw new RunDirectoryError(
      `${out} holds another sweep: runs to choose the best of are drawn once, and only theirs count; another --out starts anew`,
    );
  }
  const selection = manifest?.selection ?? (await begin(grid, config, digest, load));
  for (const [name, run] of Object.entries(selection.begun)) checkStillThere(join(out, name), run);
  const cells = selection.drawn.map((candidate, index): GridCell => {
    const cell = grid.cells.find(({ name }) => name === candidate) as GridCell;
    return { ...cell, name: `run-${String(index + 1).padStart(3, "0")}` };
  });
  return { grid: { ...grid, cells }, selection };
}

async function begin(
  grid: Grid,
  config: SelectionConfig,
  digest: string,
  load: (config: GridCell["config"]) => Promise<CellData>,
): Promise<BegunSelection> {
  const plans = [];
  for (const { name, config: cell } of grid.cells) {
    const { train, test } = await load(cell);
    if (!test) throw new ConfigError(`selection: cell ${name} has no test data, by which runs are compared`);
    const { mechanisms, privacy } = planTraining(cell, train.size);
    plans.push({
      name,
      steps: [...mechanisms],
      relation: privacy?.relation as Relation,
      delta: privacy?.delta as number,
      unit: cell.privacy?.unit ?? "example",
    });
  }
  const [first] = plans as [(typeof plans)[number]];
  const other = plans.find(({ relation }) => relation !== first.relation);
  if (other) {
    throw new ConfigError(
      `selection: cell ${other.name} is accounted for under ${other.relation}, ${first.name} under ${first.relation}; allowed: one relation`,
    );
  }
  if (plans.some(({ unit }) => unit !== first.unit)) {
    throw new ConfigError("selection: cells differ in privacy.unit; allowed: one unit");
  }
  const selection = {
    ...config,
    digest,
    relation: first.relation,
    delta: Math.min(...plans.map(({ delta }) => delta)),
    candidates: plans.map(({ name, steps }) => ({ name, steps })),
    drawn: [],
    begun: {},
  };
  try {
    const epsilon = epsilonOf(selection, []);
    if (!Number.isFinite(epsilon)) throw new RangeError("no finite epsilon is proved for this law and these cells");
  } catch (error) {
    throw new ConfigError(`selection: ${(error as Error).message}`);
  }
  const drawn = Array.from(
    { length: drawRuns({ law: config.law, mean: config.mean, shape: config.shape }) },
    () => grid.cells[randomInt(grid.cells.length)]?.name as string,
  );
  return { ...selection, drawn };
}

/** Of publishing the best alone: of the planned runs, and of what each has spent, where a crash cost it more. */
function epsilonOf({ law, mean, shape, candidates, delta }: BegunSelection, runs: readonly CellRun[]): number {
  const rows = [...candidates.map(({ steps }) => steps), ...runs.map(({ ledger }) => spentOf(ledger))];
  return selectionEpsilonOfAny(rows, { law, mean, shape }, delta).epsilon;
}

function digestOf({ cells }: Grid, config: SelectionConfig): string {
  const content = [config, cells.map(({ name, config: cell }) => [name, cell])];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

/** What a selection came to. */
export interface Selected extends Pick<BegunSelection, "law" | "mean" | "shape" | "by" | "delta" | "relation"> {
  /** Of publishing `best` alone. */
  readonly epsilon: number;
  /** Undefined until all runs have ended, and where none was drawn. */
  readonly best?: CellRun | undefined;
  /** How many runs have not ended. */
  readonly unfinished: number;
}

/** Undefined where the folder holds no selection. `runs`: those of the folder that can be read. */
export function selectedOf(folder: string, runs: readonly CellRun[]): Selected | undefined {
  const selection = readManifest(folder)?.selection;
  if (!selection) return undefined;
  const { law, mean, shape, by, delta, relation, drawn } = selection;
  const ended = runs.filter(({ status }) => status === "finished" || status === "budget");
  const unfinished = drawn.length - ended.length;
  const told = { law, mean, shape, by, delta, relation, epsilon: epsilonOf(selection, runs), unfinished };
  return unfinished > 0 ? told : { ...told, best: bestOf(ended, by) };
}

const columns = { accuracy: "testAccuracy", loss: "testLoss", dice: "testMeanDice" } as const;

/** Of equals the one drawn first. */
function bestOf(runs: readonly CellRun[], by: SelectionConfig["by"]): CellRun | undefined {
  const sign = by === "loss" ? -1 : 1;
  const scoreOf = ({ metrics, name }: CellRun): number => {
    const value = metrics.findLast((row) => row[columns[by]] !== undefined)?.[columns[by]];
    if (value === undefined)
      throw new RangeError(`selection.by: ${name} has no ${by}; allowed: a score that its model has`);
    return Number.isFinite(value) ? sign * value : Number.NEGATIVE_INFINITY;
  };
  return runs.reduce<CellRun | undefined>(
    (best, run) => (best && scoreOf(best) >= scoreOf(run) ? best : run),
    undefined,
  );
}

/** Where the published model lies. */
export function selectedFolder(out: string): string {
  return join(out, "selected");
}

/**
 * Writes the model that was chosen, its configuration and what publishing it costs; nothing else of the run. Throws a RangeError
 * where the run says that it is not private.
 */
export function publishSelected(out: string, selected: Selected & { readonly best: CellRun }): void {
  const { best, unfinished, ...told } = selected;
  if (!Number.isFinite(selected.epsilon)) {
    throw new RangeError(`${best.name} is not published: no finite epsilon is proved for what its runs spent`);
  }
  const statement = JSON.parse(readFileSync(runPaths(best.folder).privacy, "utf8")) as Record<string, unknown>;
  if (statement.private !== true) throw new RangeError(`${best.name} is not private: ${String(statement.guarantee)}`);
  const [from, to] = [runPaths(best.folder), runPaths(selectedFolder(out))];
  makeFolder(selectedFolder(out));
  for (const key of ["checkpoint", "average", "config"] as const) {
    if (existsSync(from[key])) copyFileSync(from[key], to[key]);
  }
  writeAtomically(
    to.privacy,
    `${JSON.stringify({ ...statement, ...chosenStatement(told, statement.unit) }, null, 2)}\n`,
  );
}

const statementSchema = z.object({
  private: z.literal(true),
  epsilon: z.number(),
  delta: z.number(),
  relation: z.enum(relations),
  unit: z.enum(["example", "user"]),
  selection: z.object({ by: z.string() }),
});

/** What the published choice costs, as its privacy.json says. */
export type SelectedStatement = Readonly<z.output<typeof statementSchema>>;

/** Undefined where the folder is none that `publishSelected` wrote. */
export function readSelected(folder: string): SelectedStatement | undefined {
  return statementSchema.safeParse(readJson(runPaths(folder).privacy)).data;
}

function chosenStatement(
  { epsilon, delta, relation, law, mean, shape, by }: Omit<Selected, "best" | "unfinished">,
  unit: unknown,
) {
  return {
    guarantee:
      `(${epsilon}, ${delta})-differential privacy of each ${unit} under ${relation}, for this model alone: the best by ${by} ` +
      `of a secret number of runs`,
    epsilon,
    delta,
    relation,
    targetEpsilon: null,
    group: undefined,
    accountant: { name: "rdp", upperBound: true, order: null },
    selection: {
      rule: "RepeatAndSelect (Papernot & Steinke 2022, arXiv:2110.03620)",
      law,
      mean,
      ...(shape === undefined ? {} : { shape }),
      by,
      assumes: `the test examples, by whose ${by} it was chosen, are not protected; number, models and scores of the other runs stay secret`,
    },
  };
}
