/** bench/baseline.json: what the ratios were, and how far they stray without any change. */
import { z } from "zod";
import { median } from "../../src/bench/statistics.js";
import { GEMM } from "./ratios.js";

const entry = z.strictObject({ ratio: z.number().positive(), margin: z.number().positive() });

export const baselineSchema = z.strictObject({
  /** Strategy over none, kernel over kernel: on any machine. */
  ratios: z.record(z.string(), entry),
  /** Step over GEMM, by instruction set. */
  overGemm: z.record(z.string(), z.record(z.string(), entry)),
});

export type Baseline = z.infer<typeof baselineSchema>;
export type BaselineEntry = z.infer<typeof entry>;

/** Machines differ in caches, memory and noise: margins learned on one are never narrower than `least`. */
const MARGINS = {
  ratio: { least: 0.45, most: 0.6 },
  /** Of a step over a GEMM: machines of one instruction set differ in more than that. */
  overGemm: { least: 0.8, most: 1.2 },
} as const;
/** A margin is this many times what the ratio strayed in repeated runs. */
const SAFETY = 2.5;

export const emptyBaseline: Baseline = { ratios: {}, overGemm: {} };

/** The widest vectors that matter to float32 products: `avx512f`, `avx2`, `neon`, or undefined. */
export function instructionSet(features: readonly string[]): string | undefined {
  return ["avx512f", "avx2", "neon"].find((feature) => features.includes(feature));
}

/** The entry for a ratio here; undefined where the baseline has none. */
export function lookUp(baseline: Baseline, name: string, set: string | undefined): BaselineEntry | undefined {
  if (!isOverGemm(name)) return baseline.ratios[name];
  return set === undefined ? undefined : baseline.overGemm[set]?.[name];
}

/** The baseline with the entries of these ratios learned from repeated runs, each a list of the ratio's values. */
export function learn(
  baseline: Baseline,
  set: string | undefined,
  runs: ReadonlyMap<string, readonly number[]>,
): Baseline {
  const learned = [...runs].map(([name, values]) => [name, entryOf(name, values)] as const);
  const overGemm = Object.fromEntries(learned.filter(([name]) => isOverGemm(name)));
  return {
    ratios: { ...baseline.ratios, ...Object.fromEntries(learned.filter(([name]) => !isOverGemm(name))) },
    overGemm: {
      ...baseline.overGemm,
      ...(set === undefined ? {} : { [set]: { ...baseline.overGemm[set], ...overGemm } }),
    },
  };
}

function entryOf(name: string, values: readonly number[]): BaselineEntry {
  const ratio = median(values);
  const { least, most } = MARGINS[isOverGemm(name) ? "overGemm" : "ratio"];
  const margin = Math.min(most, Math.max(least, SAFETY * strayed(values)));
  return { ratio: Number(ratio.toPrecision(4)), margin: Number(margin.toPrecision(2)) };
}

/** How far the values lie from their median, at most, relative to it. */
function strayed(values: readonly number[]): number {
  const middle = median(values);
  return Math.max(...values.map((value) => Math.abs(value / middle - 1)));
}

/** The ratios that strayed more than the widest margin covers: the machine was too busy to learn from. */
export function unsteady(runs: ReadonlyMap<string, readonly number[]>): string[] {
  const tooFar = ([name, values]: readonly [string, readonly number[]]) =>
    SAFETY * strayed(values) > MARGINS[isOverGemm(name) ? "overGemm" : "ratio"].most;
  return [...runs].filter(tooFar).map(([name, values]) => `${name} strayed by ${(100 * strayed(values)).toFixed(0)} %`);
}

function isOverGemm(name: string): boolean {
  return name.endsWith(`/${GEMM}`);
}
