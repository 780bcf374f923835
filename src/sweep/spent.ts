/** What several runs have spent together: choosing among them uses all of them. */
import { defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { groupEpsilon } from "../privacy/group.js";
import { type Composition, composeLedgers } from "../privacy/ledger-compose.js";
import type { CellRun } from "./runs.js";

export interface SpentTogether extends Pick<Composition, "relation" | "unit"> {
  /** How many of the runs are private, and counted here. */
  readonly runs: number;
  readonly epsilon: number;
  /** The smallest of theirs. */
  readonly delta: number;
  readonly accountant: string;
  /** Of the largest group, where all of them declare one. */
  readonly group?: { readonly name: string; readonly size: number; readonly epsilon: number } | undefined;
}

/**
 * ε of all private runs, if they are about the same data; undefined where none is. Those without privacy or with a seed
 * have no ε, together with others neither.
 */
export function spentTogether(all: readonly CellRun[]): SpentTogether | undefined {
  const runs = all.filter(({ privacy }) => privacy === "private");
  if (runs.length === 0) return undefined;
  const { mechanisms, relation, unit } = composeLedgers(runs.map(({ ledger, name }) => ({ ...ledger, name })));
  const settings = runs.flatMap(({ config }) => config.privacy ?? []);
  const delta = Math.min(...settings.map((privacy) => privacy.delta));
  const groups = settings.flatMap(({ group }) => group ?? []).sort((a, b) => b.size - a.size);
  const group = groups.length === runs.length ? groups[0] : undefined;
  return {
    runs: runs.length,
    relation,
    unit,
    epsilon: makeAccountant(defaultAccountant).epsilonWith(mechanisms, delta),
    delta,
    accountant: defaultAccountant,
    group: group && { ...group, epsilon: groupEpsilon(mechanisms, group.size, delta) },
  };
}
