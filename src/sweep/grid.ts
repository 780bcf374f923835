/**
 * A grid of training runs: a base configuration, named variants of it, and values for some of its keys. Every
 * combination is a cell: a run of its own, in a folder of its own.
 *
 * @example
 * {
 *   "base": "duke-oct.json",
 *   "variants": {
 *     "without DP": { "strategy": "none", "privacy": null },
 *     "automatic clipping": { "clipping": { "function": "autoS" } }
 *   },
 *   "grid": { "privacy.noiseMultiplier": [0.3, 0.5], "model": ["unet", { "name": "nested-unet" }] }
 * }
 *
 * Variants are JSON merge patches: null takes a key away. Values of a key within what a variant takes away (above: the
 * noise of `without DP`) do not apply to it.
 */
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import {
  applyOverrides,
  type ConfigOverrides,
  parseConfig,
  readConfigJson,
  type TrainingConfig,
} from "../training/config.js";
import { ConfigError, configObject, parseConfigValue } from "../training/config-errors.js";
import { allowed, text } from "../training/config-values.js";
import { isObject, mergePatch, replaceAt, takesAway } from "./merge-patch.js";
import { checkSelection, type SelectionConfig, selectionSchema } from "./selection-config.js";

export interface GridCell {
  /** Of its folder: `automatic-clipping_noiseMultiplier-0.3`. */
  readonly name: string;
  /** As the grid names it; undefined in a grid without variants. */
  readonly variant?: string | undefined;
  /** What the grid sets, by dotted key, as text. */
  readonly values: Readonly<Record<string, string>>;
  readonly config: TrainingConfig;
}

export interface Grid {
  readonly name: string;
  /** Sentences for the report. */
  readonly notes: readonly string[];
  /** Where relative paths of the data start. */
  readonly base: string;
  readonly cells: readonly GridCell[];
  /** Runs are drawn from the cells, and the best of them is published alone: src/sweep/selection.ts. */
  readonly selection?: SelectionConfig | undefined;
}

const MOST_CELLS = 10_000;

const json = z.record(z.string(), z.unknown(), allowed("an object"));
const values = z.array(z.unknown(), allowed("a list of values")).min(1, allowed("at least one"));

const gridSchema = configObject({
  /** Heads the report; the file's name by default. */
  name: text.optional(),
  /** Sentences for the report: what an example is, what was shortened. */
  notes: z.array(text, allowed("a list of sentences")).default([]),
  /** A configuration, or the path of one, from this file. */
  base: z.union([text, json], { error: () => allowed("a configuration, or the path of its file") }),
  /** What all cells change in it. */
  set: json.default({}),
  variants: z.record(text, json, allowed("an object of changes by the variant's name")).default({}),
  /** Lists of values by dotted key. */
  grid: z.record(text, values, allowed("an object of lists by dotted key")).default({}),
  /** Absent: every cell is trained once. */
  selection: selectionSchema.optional(),
});

/**
 * Reads a grid and checks every cell's configuration. Throws a ConfigError that names the file, and the cell where it
 * is about one. `overrides` hold for all cells.
 */
export function readGrid(file: string, overrides: ConfigOverrides = {}): Grid {
  return parseGrid(readConfigJson(file), file, overrides);
}

/** Checks a grid's JSON, as `readGrid` does; `file`: the path that it and its base are named from. */
export function parseGrid(json: unknown, file: string, overrides: ConfigOverrides = {}): Grid {
  const grid = parseConfigValue(file, gridSchema, json);
  const baseFile = typeof grid.base === "string" ? resolve(dirname(file), grid.base) : resolve(file);
  const base = mergePatch(typeof grid.base === "string" ? readConfigJson(baseFile) : grid.base, grid.set);
  const variants = Object.entries(grid.variants);
  const plain: [undefined, unknown][] = [[undefined, {}]];
  const cells = (variants.length > 0 ? variants : plain).flatMap(([variant, patch]) => {
    const axes = Object.entries(grid.grid).filter(([key]) => !takesAway(patch, key.split(".")));
    return combinations(file, axes).map((choices) =>
      makeCell(file, mergePatch(base, patch), variant, choices, overrides),
    );
  });
  checkNames(file, cells);
  if (grid.selection) checkSelection(file, grid.selection, cells);
  const name = grid.name ?? basename(file).replace(/(\.grid)?\.json$/, "");
  return { name, notes: grid.notes, base: dirname(baseFile), cells, selection: grid.selection };
}

interface Choice {
  readonly key: string;
  readonly value: unknown;
  readonly label: string;
}

/** The first key changes slowest. */
function combinations(file: string, axes: readonly (readonly [string, readonly unknown[]])[]): Choice[][] {
  const count = axes.reduce((product, [, list]) => product * list.length, 1);
  if (count > MOST_CELLS)
    throw new ConfigError(`${file}: grid: got ${count} combinations; allowed: at most ${MOST_CELLS}`);
  return axes.reduce<Choice[][]>(
    (rows, [key, list]) => {
      const choices = list.map((value, i) => ({ key, value, label: labelOf(value, i) }));
      return rows.flatMap((row) => choices.map((choice) => [...row, choice]));
    },
    [[]],
  );
}

function makeCell(
  file: string,
  base: unknown,
  variant: string | undefined,
  choices: readonly Choice[],
  overrides: ConfigOverrides,
): GridCell {
  const parts = choices.map(({ key, label }) => `${key.split(".").at(-1)}-${label}`);
  const name = [...(variant === undefined ? [] : [variant]), ...parts].map(slug).join("_") || "cell";
  const changed = choices.reduce((config, { key, value }) => replaceAt(config, key.split("."), value), base);
  const config = parseConfig(applyOverrides(changed, overrides), `${file}, cell ${name}`);
  return { name, variant, values: Object.fromEntries(choices.map(({ key, label }) => [key, label])), config };
}

/** What a value is called: an object by its name or type. */
function labelOf(value: unknown, index: number): string {
  if (!isObject(value)) return Array.isArray(value) ? value.join(", ") : String(value);
  return String(value.name ?? value.type ?? index + 1);
}

/** Fit for a folder's name on every system, and never a path. */
function slug(text: string): string {
  return text.replace(/[^\w.-]+/g, "-").replace(/^[^\w]+|[^\w]+$/g, "");
}

function checkNames(file: string, cells: readonly GridCell[]): void {
  const seen = new Set<string>();
  for (const { name } of cells) {
    // Some file systems take no notice of capitals.
    if (seen.has(name.toLowerCase()))
      throw new ConfigError(`${file}: two cells are called ${name}; allowed: values and variants whose names differ`);
    seen.add(name.toLowerCase());
  }
}
