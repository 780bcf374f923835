/** Who answers `hushgrad account`: an accountant for the steps, or the bound on the best of several runs of them. */
import { type EpsilonReport, makeAccountant, makeQuickAccountant } from "../privacy/accountant.js";
import { type CyclicSteps, charged } from "../privacy/cycle.js";
import { type RunLaw, selectionEpsilon } from "../privacy/selection.js";

export interface SelectOptions {
  readonly accountant: string;
  readonly select?: "all" | RunLaw["law"];
  readonly runs?: number;
  readonly shape?: number;
}

export interface Answerer {
  readonly name: string;
  readonly upperBound: boolean;
  /** How the best run is chosen, where there are several. */
  readonly selection?: { readonly law: string; readonly mean: number; readonly shape?: number | undefined };
  report(delta: number): EpsilonReport;
  /** ε at δ within milliseconds, some per cent larger. */
  quick(delta: number): number;
}

/** Throws a RangeError where options do not fit each other. */
export function answererOf(options: SelectOptions, rows: readonly CyclicSteps[]): Answerer {
  const { accountant, select, runs, shape } = options;
  if (select === undefined) {
    if (runs !== undefined || shape !== undefined) throw new RangeError("--runs and --shape: only with --select");
    return byAccountant(accountant, rows);
  }
  if (runs === undefined) throw new RangeError("--select needs --runs: how many there are, on average");
  if (select === "all") return composed(accountant, rows, runs);
  const law: RunLaw = { law: select, mean: runs, ...(shape === undefined ? {} : { shape }) };
  const report = (delta: number) => selectionEpsilon(rows, law, delta);
  // The bound is one on Rényi divergences, whichever accountant is asked for.
  return { name: "rdp", upperBound: true, selection: law, report, quick: (delta) => report(delta).epsilon };
}

/** A fixed number of runs: choosing among them costs what publishing them all does. */
function composed(accountant: string, rows: readonly CyclicSteps[], runs: number): Answerer {
  if (!Number.isSafeInteger(runs)) throw new RangeError(`--runs: a whole number with --select all, got ${runs}`);
  // Each run begins cycles of its own.
  const all = rows.flatMap(charged).map((row) => ({ ...row, steps: row.steps * runs }));
  return { ...byAccountant(accountant, all), selection: { law: "all", mean: runs } };
}

function byAccountant(name: string, rows: readonly CyclicSteps[]): Answerer {
  const exact = makeAccountant(name);
  const quick = makeQuickAccountant(name);
  for (const row of rows.flatMap(charged)) {
    for (const accountant of [exact, quick]) accountant.step(row, row.steps);
  }
  const { upperBound } = exact;
  return { name, upperBound, report: (delta) => exact.report(delta), quick: (delta) => quick.epsilon(delta) };
}
