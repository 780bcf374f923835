/** A measured ratio beside its baseline. */
import type { BaselineEntry } from "./baseline.js";

export type Verdict = "ok" | "faster" | "slower" | "unknown";

export interface Comparison {
  readonly name: string;
  readonly ratio: number;
  readonly entry: BaselineEntry | undefined;
  readonly verdict: Verdict;
}

/** `slower` fails the check; `faster` by as much says that the baseline is out of date. */
export function compare(name: string, ratio: number, entry: BaselineEntry | undefined): Comparison {
  return {
    name,
    ratio,
    entry,
    verdict: entry === undefined ? "unknown" : verdictOf(ratio / entry.ratio, entry.margin),
  };
}

function verdictOf(change: number, margin: number): Verdict {
  if (change <= 1 / (1 + margin)) return "faster";
  // Written so that a ratio that is no number fails.
  return change <= 1 + margin ? "ok" : "slower";
}

/** What is wrong with one that is `slower`, and how to measure its group again. */
export function regressionLine({ name, ratio, entry }: Comparison, group: string): string {
  const { ratio: before, margin } = entry as BaselineEntry;
  const limit = before * (1 + margin);
  return (
    `${name} takes ${ratio.toFixed(3)}, the limit is ${limit.toFixed(3)} (baseline ${before.toFixed(3)} + ` +
    `${(100 * margin).toFixed(0)} %). To measure again, on a machine without other work: npm run bench:check -- --groups ${group}`
  );
}

/** The cells of a table's row. */
export function comparisonCells({ name, ratio, entry, verdict }: Comparison): string[] {
  if (entry === undefined) return [name, ratio.toFixed(3), "–", "–", "–", "not compared: no baseline for this machine"];
  const change = 100 * (ratio / entry.ratio - 1);
  const words = { ok: "ok", slower: "SLOWER", faster: "faster: update the baseline", unknown: "" }[verdict];
  const signed = `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(0)} %`;
  return [name, ratio.toFixed(3), entry.ratio.toFixed(3), signed, `+${(100 * entry.margin).toFixed(0)} %`, words];
}
