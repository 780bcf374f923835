/**
 * What several ledgers cost together. Ledgers that begin with the same entries are branches of one run: a checkpoint that
 * was copied and resumed in two places. What they share was done to the data once and is counted once; what each has of
 * its own is counted for each. Ledgers without a common beginning are different runs, and add up.
 *
 * That the ledgers are about the same data is the caller's word: nothing in a ledger tells.
 */
import { checkList, checkObject, checkText } from "../arguments.js";
import { type Charge, charges, type Ledger, type runEnds } from "./ledger.js";
import { costOf, countSteps, stepsBetween } from "./ledger-rows.js";
import type { MechanismSteps } from "./mechanism.js";
import { type Relation, underRelation, weakest } from "./relation.js";

export interface LedgerShare {
  readonly name: string;
  /** Of the first entry: branches of one run have the same. */
  readonly run: string;
  readonly status: "running" | (typeof runEnds)[number];
  readonly seeded: boolean;
  readonly delta: number | null;
  /** Undefined where the run has no privacy, or is of a version that did not say. */
  readonly accountant: string | undefined;
  readonly sampler: string;
  /** Of the noise from step to step, where there is any. */
  readonly correlation?: Ledger["start"]["correlation"];
  /** All that this ledger counts, merged by mechanism. */
  readonly mechanisms: readonly MechanismSteps[];
  readonly steps: number;
  /** Of those, the ones whose reservation another of the ledgers holds too. */
  readonly shared: number;
  /** Of those, the ones reserved by a process that never said how many it took. */
  readonly unsettled: number;
  /** Its last line is damaged, and counted as the largest reservation. */
  readonly damaged: boolean;
}

export interface Composition {
  readonly ledgers: readonly LedgerShare[];
  /** All together, shared steps once. */
  readonly mechanisms: readonly MechanismSteps[];
  readonly steps: number;
  /** The weakest of the ledgers', under which all steps are counted: a step is the same step under any relation. */
  readonly relation: Relation;
  readonly unit: "example" | "user";
  /** Why there is no guarantee, whatever ε is. */
  readonly notPrivateBecause: readonly string[];
  /** Seeds are why, and nothing else: with secret randomness ε would hold. */
  readonly onlySeedsForbid: boolean;
}

/** Throws a RangeError without ledgers. */
export function composeLedgers(ledgers: readonly Ledger[]): Composition {
  checkList("ledgers", ledgers, "ledgers");
  for (const ledger of ledgers as readonly Partial<Ledger>[]) {
    checkObject("ledgers", ledger?.start, "what readRunLedger() returns");
    checkList("ledgers: entries", ledger.entries, "what readRunLedger() returns");
    for (const entry of ledger.entries) checkObject("ledgers: entries", entry, "what readRunLedger() returns");
    if (ledger.torn !== undefined) checkText("ledgers: torn", ledger.torn);
  }
  if (ledgers.length === 0) throw new RangeError("ledgers must hold at least one ledger, got none");
  const counted = ledgers.map((ledger) => ({ ledger, charges: charges(ledger) }));
  const together = new Map<string, Charge & { readonly holders: number }>();
  for (const charge of counted.flatMap(({ charges }) => charges)) {
    const known = together.get(charge.key);
    // A branch that cannot tell how much of a reservation was taken outweighs one that can.
    const kept = Math.max(charge.kept, known?.kept ?? 0);
    together.set(charge.key, { ...charge, kept, holders: (known?.holders ?? 0) + 1 });
  }
  const isShared = ({ key }: Charge) => (together.get(key)?.holders ?? 0) > 1;
  const starts = ledgers.map(({ start }) => start);
  const relation = weakest(starts.map((start) => start.relation));
  const mechanisms = merged([...together.values()], relation);
  return {
    ledgers: counted.map(({ ledger, charges }) => shareOf(ledger, charges, isShared)),
    mechanisms,
    steps: countSteps(mechanisms),
    relation,
    unit: starts.every(({ unit }) => unit === "user") ? "user" : "example",
    ...reasonsAgainst(ledgers, relation),
  };
}

/** Samplers whose rows cost what they say under other relations alone. */
const neverReplaced: readonly string[] = ["bMinSep"];

function reasonsAgainst(
  ledgers: readonly Ledger[],
  relation: Relation,
): Pick<Composition, "notPrivateBecause" | "onlySeedsForbid"> {
  const seeded = ledgers.filter(({ start }) => start.seeded).map(({ name }) => `${name} is seeded: not private`);
  const unproven = ledgers
    .filter(({ start }) => relation === "replace-one" && neverReplaced.includes(start.sampler))
    .map(
      ({ name, start }) =>
        `${name} was sampled by ${start.sampler}, which is not accounted for under replace-one: not proven private`,
    );
  return { notPrivateBecause: [...seeded, ...unproven], onlySeedsForbid: seeded.length > 0 && unproven.length === 0 };
}

/** What one ledger counts as spent, merged by mechanism. */
export function spentOf(ledger: Ledger): readonly MechanismSteps[] {
  return merged(charges(ledger));
}

/** `running`: under way, or its process died. */
export function statusOf({ entries, torn }: Ledger): LedgerShare["status"] {
  const last = entries.at(-1);
  return last?.kind === "end" && torn === undefined ? last.status : "running";
}

function shareOf(ledger: Ledger, all: readonly Charge[], isShared: (charge: Charge) => boolean): LedgerShare {
  const { run, seeded, delta, accountant, sampler, correlation } = ledger.start;
  const mechanisms = merged(all);
  return {
    name: ledger.name,
    run,
    status: statusOf(ledger),
    seeded,
    delta,
    accountant,
    sampler,
    ...(correlation ? { correlation } : {}),
    mechanisms,
    steps: countSteps(mechanisms),
    shared: keptSteps(all.filter(isShared)),
    unsettled: keptSteps(all.filter(({ settled }) => !settled)),
    damaged: ledger.torn !== undefined,
  };
}

function keptSteps(some: readonly Charge[]): number {
  return some.reduce((sum, { kept }) => sum + kept, 0);
}

/** `relation`: that all are to be counted under, if not each under its run's. */
function merged(some: readonly Charge[], relation?: Relation): readonly MechanismSteps[] {
  const rows = some.flatMap(({ rows, kept }) => stepsBetween(rows, 0, kept));
  return costOf(relation ? rows.map((row) => underRelation(row, relation)) : rows);
}
