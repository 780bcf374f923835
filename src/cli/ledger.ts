/** `hushgrad ledger DIR…`: what runs have spent, each alone and all together. */
import type { Command } from "commander";
import { accountantNames, defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { ranges } from "../privacy/check.js";
import { type Composition, composeLedgers, type LedgerShare } from "../privacy/ledger-compose.js";
import { weakest } from "../privacy/relation.js";
import { roundUp } from "../privacy/rounding.js";
import { short, table } from "./format.js";
import { type LedgerFolders, readLedgerFolders, type SelectedShare } from "./ledger-folders.js";
import { numberFlag } from "./number-flag.js";

interface LedgerOptions {
  readonly delta?: number;
  readonly accountant?: string;
  readonly json?: boolean;
}

const SAME_DATA =
  "if all runs are about the same data, which a ledger cannot tell: name those that are, and all of them";

export function register(program: Command): void {
  program
    .command("ledger")
    .description(
      "what runs on the same data have spent together, by their ledgers; branches of one run share a beginning",
    )
    .argument("<dirs...>", "folders of runs on the same data, of sweeps, or of what a sweep selected")
    .option("--delta <delta>", "δ (default: the smallest of the runs')", numberFlag(ranges.delta))
    .option(
      "--accountant <name>",
      `${accountantNames.join(" | ")} (default: the runs' own, prv for all where they differ)`,
    )
    .option("--json", "print JSON: ε is null where there is no guarantee")
    .action((directories: readonly string[], options: LedgerOptions) => {
      const found = readLedgerFolders(directories);
      const answer = withSelected(found, ofLedgers(found, options));
      process.stdout.write(options.json ? json(answer) : text(answer));
    });
}

interface Answer extends Pick<LedgerFolders, "selected" | "notBegun"> {
  readonly composition: Composition;
  /** Of all together. */
  readonly delta: number;
  /** Of all together. */
  readonly accountant: string;
  /** Of all together; Infinity where nothing is guaranteed. */
  readonly epsilon: number;
  /** Of one run alone. */
  alone(share: LedgerShare): number;
}

/** Nothing has been spent. */
const nothing: Composition = {
  ledgers: [],
  mechanisms: [],
  steps: 0,
  relation: "add/remove",
  unit: "user",
  notPrivateBecause: [],
  onlySeedsForbid: false,
};

type Counted = Omit<Answer, "selected" | "notBegun">;

function ofLedgers({ ledgers, selected }: LedgerFolders, { delta: asked, accountant }: LedgerOptions): Counted {
  if (ledgers.length === 0 && selected.some(({ counted }) => !counted)) {
    return { composition: nothing, delta: 0, accountant: accountant ?? "rdp", epsilon: 0, alone: () => 0 };
  }
  if (ledgers.length === 0) throw new RangeError("no run has begun in these folders: nothing has been spent");
  const composition = composeLedgers(ledgers);
  const delta = asked ?? smallestDelta(composition);
  return { composition, delta, ...accountants(composition, accountant, delta) };
}

/** What was selected has no ledger, but an ε and a δ of its own, which add to the others'. */
function withSelected({ selected, notBegun, ledgers }: LedgerFolders, counted: Counted): Answer {
  const own = selected.filter((share) => !share.counted);
  const { composition } = counted;
  const all = [...(ledgers.length > 0 ? [composition] : []), ...own];
  const replaced = all.filter(({ relation }) => relation === "replace-one");
  if (replaced.length > 0 && replaced.length < all.length) {
    throw new RangeError(
      `${own[0]?.directory} is accounted for under ${own[0]?.relation}, and not all others are: without a ledger it cannot be ` +
        "counted under another relation; name its sweep's folder, whose runs can",
    );
  }
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    ...counted,
    selected,
    notBegun,
    composition: {
      ...composition,
      relation: weakest(all.map(({ relation }) => relation)),
      unit: all.every(({ unit }) => unit === "user") ? "user" : "example",
    },
    epsilon: sum([counted.epsilon, ...own.map(({ epsilon }) => epsilon)]),
    delta: sum([counted.delta, ...own.map(({ delta }) => delta)]),
  };
}

function smallestDelta({ ledgers }: Composition): number {
  const given = ledgers.flatMap(({ delta }) => delta ?? []);
  if (given.length > 0) return Math.min(...given);
  throw new RangeError("--delta must be given: no run among these has privacy, and so a δ of its own");
}

/** By the accountant that is asked for, or else each run by its own and all by the one that they share. */
function accountants(
  { ledgers, mechanisms }: Composition,
  asked: string | undefined,
  delta: number,
): Pick<Answer, "accountant" | "epsilon" | "alone"> {
  const own = new Set(ledgers.map((share) => share.accountant ?? defaultAccountant));
  const accountant = asked ?? (own.size === 1 ? ([...own][0] as string) : defaultAccountant);
  return {
    accountant,
    epsilon: makeAccountant(accountant).epsilonWith(mechanisms, delta),
    alone: (share) => makeAccountant(asked ?? share.accountant).epsilonWith(share.mechanisms, delta),
  };
}

function json({ composition, delta, accountant, epsilon: together, alone, selected, notBegun }: Answer): string {
  const { ledgers, mechanisms, steps, relation, unit, notPrivateBecause, onlySeedsForbid } = composition;
  const { name, upperBound } = makeAccountant(accountant);
  const epsilon = finite(together);
  const reasons = [
    ...notPrivateBecause,
    ...(epsilon === null ? ["steps that prove nothing: no noise, or δ does not pay for their failures"] : []),
    ...(upperBound ? [] : [`${name} is an approximation that may under-report: not proven`]),
  ];
  const answer = {
    epsilon: notPrivateBecause.length > 0 ? null : epsilon,
    // As if all randomness had been secret; of what is not private for other reasons no ε is told.
    ...(onlySeedsForbid ? { epsilonIfNotSeeded: epsilon } : {}),
    delta,
    accountant: name,
    upperBound,
    private: reasons.length === 0,
    notPrivateBecause: reasons,
    relation,
    unit,
    assumes: SAME_DATA,
    steps,
    mechanisms,
    ledgers: ledgers.map(({ name, ...share }) => ({
      directory: name,
      ...share,
      epsilon: share.seeded ? null : finite(alone({ name, ...share })),
    })),
    ...(selected.length > 0 ? { selected } : {}),
    ...(notBegun.length > 0 ? { notBegun } : {}),
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

function finite(epsilon: number): number | null {
  return Number.isFinite(epsilon) ? epsilon : null;
}

const columns = [
  { title: "folder" },
  { title: "run" },
  { title: "status" },
  { title: "steps", right: true },
  { title: "shared", right: true },
  { title: "unsettled", right: true },
  { title: "ε alone", right: true },
] as const;

function text({ composition, delta, accountant, epsilon, alone, selected, notBegun }: Answer): string {
  const { ledgers, steps, relation, unit, notPrivateBecause } = composition;
  const rows = ledgers.map((share) => [
    share.name,
    share.run.slice(0, 8),
    share.status,
    String(share.steps),
    String(share.shared),
    String(share.unsettled),
    share.seeded ? "seeded" : shown(alone(share)),
  ]);
  const { name, upperBound } = makeAccountant(accountant);
  const kind = upperBound ? `${name}, an upper bound` : `${name}: an approximation, may under-report`;
  const setting = `${kind}; ${steps} steps, ${relation} of one ${unit}`;
  const bound = Number.isFinite(epsilon) ? `ε = ${shown(epsilon)} at δ = ${short(delta)}` : "ε is infinite";
  const total = notPrivateBecause.length > 0 ? `Not private: ${notPrivateBecause.join("; ")}` : `Together: ${bound}`;
  const notes = [
    ...ledgers.filter(({ damaged }) => damaged).map(damageNote),
    ...ledgers.flatMap(correlationNote),
    ...notBegun.map((folder) => `${folder}: not begun`),
    ...selected.map(selectedNote),
  ];
  const shares = ledgers.length > 0 ? [table(columns, rows), ""] : [];
  return `${[...shares, ...notes, `${total} (${setting}),`, `${SAME_DATA}.`].join("\n")}\n`;
}

function shown(epsilon: number): string {
  return Number.isFinite(epsilon) ? String(roundUp(epsilon, 6)) : "infinite";
}

function correlationNote({ name, correlation }: LedgerShare): string[] {
  if (!correlation) return [];
  const { type, bands, buffers } = correlation;
  const size = bands === undefined ? `${buffers} buffers` : `${bands} bands`;
  return [
    `${name}: noise is correlated from step to step by ${type}, ${size}; q and σ are those of what steps release`,
  ];
}

function selectedNote({ directory, epsilon, delta, counted }: SelectedShare): string {
  const cost = `ε = ${shown(epsilon)} at δ = ${short(delta)} (RepeatAndSelect)`;
  return counted
    ? `${directory}: published alone, the other runs kept secret, it costs ${cost} in the place of all of them`
    : `${directory}: chosen from runs that stay secret, ${cost}; it has no ledger, and both add to the others'`;
}

function damageNote({ name }: LedgerShare): string {
  return `${name}: the last line of ledger.jsonl is damaged, and counted as the run's largest reservation`;
}
