/**
 * The ledger of a run: what it may have spent, as a chain of entries that are written before the steps they stand for
 * are taken. Pure: text in, entries out; `src/training/run-ledger.ts` writes the file. docs/ledger.md is the format.
 *
 * Every line is one entry in JSON that ends in its own SHA-256 and holds that of the entry before. A line that is
 * damaged or does not follow is named and refused. The last line alone may be damaged, as a power cut leaves it: it
 * then counts as the largest reservations that it can have been.
 *
 * **Guarantee.** A reservation counts in full unless the process that made it has said, at its end, how many of its
 * steps it took. What `charges` counts is therefore never below what was taken, at whatever moment a process dies.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { provenAccountants } from "./accountant.js";
import { ranges } from "./check.js";
import { type CyclicSteps, cut } from "./cycle.js";
import { countSteps } from "./ledger-rows.js";
import { relations } from "./relation.js";

/** A ledger is damaged, cut short, of a newer version, or none. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
}

export const runEnds = ["interrupted", "finished", "budget"] as const;
/** `budget`: ended because another step would have exceeded ε; over for good, as `finished` is. */
export type RunEnd = (typeof runEnds)[number];

const HASH = /^[0-9a-f]{64}$/;
const hash = z.string().regex(HASH);
const identity = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.int().min(0);
const row = z
  .strictObject({
    samplingRate: z.number().min(ranges.samplingRate.min).max(ranges.samplingRate.max),
    noiseMultiplier: z.number().min(ranges.noiseMultiplier.min).max(ranges.noiseMultiplier.max),
    /** Absent where it is the run's own, which costs nothing more: src/privacy/mechanism.ts. */
    relation: z.literal("replace-one").optional(),
    sample: z.literal("fixed-size").optional(),
    bins: z.int().min(1).optional(),
    failure: z.number().min(0).max(1).optional(),
    discreteCoordinates: z.int().min(1).optional(),
    /** Of samplers with cycles, of which one step is charged: src/privacy/cycle.ts. */
    cycle: z.int().min(1).optional(),
    phase: count.optional(),
    steps: count,
  })
  .refine(({ bins, samplingRate, sample }) => bins === undefined || (samplingRate === 1 && sample === undefined), {
    path: ["bins"],
    error: "is of rows that take all the data",
  })
  .refine(({ bins, cycle = 1 }) => bins === undefined || cycle === 1 || bins === cycle, {
    path: ["bins"],
    error: "is not the cycle's number of steps",
  })
  .refine(({ cycle = 1, phase = 0 }) => phase < cycle, { path: ["phase"], error: "is not within the cycle" });
/** Steps in JSON, here and wherever else they are kept. */
export const stepRows = z.array(row).min(1);
const place = { sequence: count, previous: hash, hash };

const startSchema = z.strictObject({
  ...place,
  kind: z.literal("start"),
  format: z.literal(1),
  /** 128 random bits: no two runs share a first entry. */
  run: identity,
  software: z.string(),
  /** Of all that must not change between a run and its continuation. */
  fingerprint: hash,
  /** Everyone who knows the seed knows the noise: nothing is private. */
  seeded: z.boolean(),
  /** As the configuration names it; what it costs is in the rows. */
  sampler: z.string().min(1),
  relation: z.enum(relations),
  unit: z.enum(["example", "user"]),
  /** Absent in runs without privacy, and of versions that did not say. */
  accountant: z.enum(provenAccountants).optional(),
  /** Of noise that is correlated from step to step: C, and whether a process that resumes goes on with it. */
  correlation: z
    .strictObject({
      type: z.string().min(1),
      bands: z.int().min(1).optional(),
      buffers: z.int().min(1).optional(),
      carried: z.boolean(),
    })
    .optional(),
  /** null in a run without privacy. */
  delta: z.number().gt(0).lt(1).nullable(),
  clipping: z.strictObject({
    function: z.string(),
    style: z.string(),
    /** C by group, before any schedule. */
    thresholds: z.array(z.number().positive()),
    /** S: what σ multiplies. */
    sensitivity: z.number().positive(),
    /** σ_b of the noisy counts of adaptive clipping, paid for within σ; null without. */
    countNoise: z.number().positive().nullable(),
  }),
  /** Every planned step, in order. */
  mechanisms: stepRows,
  /** No reservation is of more steps. */
  largestReservation: z.int().min(1),
});

const entrySchema = z.discriminatedUnion("kind", [
  startSchema,
  /** These steps may be taken from now on. */
  z.strictObject({ ...place, kind: z.literal("reserve"), step: count, mechanisms: stepRows }),
  /** Of what this process reserved, the first `taken` steps were taken, and no more will be. */
  z.strictObject({ ...place, kind: z.literal("settle"), taken: count }),
  /** Another process goes on from a checkpoint after `step` steps; `damaged`: the line that it stands in the place of. */
  z.strictObject({
    ...place,
    kind: z.literal("resume"),
    /** 128 random bits: two processes that go on from the same entry do not write the same ledger. */
    process: identity,
    step: count,
    software: z.string(),
    damaged: z.strictObject({ line: hash, mechanisms: stepRows }).nullable(),
  }),
  z.strictObject({ ...place, kind: z.literal("end"), status: z.enum(runEnds), step: count }),
]);

export type LedgerEntry = Readonly<z.output<typeof entrySchema>>;
export type LedgerStart = Readonly<z.output<typeof startSchema>>;
type Bodies<E> = E extends LedgerEntry ? Omit<E, keyof typeof place> : never;
/** An entry without its place in a chain. */
export type LedgerBody = Bodies<LedgerEntry>;

/** Names an entry: where it stands, and its SHA-256. */
export interface LedgerMark {
  readonly sequence: number;
  readonly hash: string;
}

export interface Ledger {
  /** In errors and tables. */
  readonly name: string;
  readonly start: LedgerStart;
  readonly entries: readonly LedgerEntry[];
  /** Of the lines that are whole. */
  readonly bytes: number;
  /** The last line, where it is damaged. */
  readonly torn: string | undefined;
}

/** A line that cannot be read: a SHA-256 that tells it from others, and what it is counted as. */
export interface DamagedLine {
  readonly line: string;
  readonly mechanisms: CyclicSteps[];
}

const NOTHING_BEFORE = "0".repeat(64);
/** How every line ends. */
const SEAL = /,"hash":"([0-9a-f]{64})"\}$/;

/** Bytes of a reservation's line, at least. */
const SHORTEST_RESERVATION = 256;

/** The line, with its newline, that follows the entry `after`, and the mark of it. */
export function sealEntry(body: LedgerBody, after: LedgerMark | undefined): LedgerMark & { readonly line: string } {
  const sequence = after === undefined ? 0 : after.sequence + 1;
  const content = JSON.stringify({ sequence, previous: after?.hash ?? NOTHING_BEFORE, ...body });
  const sealed = sha256(content);
  return { sequence, hash: sealed, line: `${content.slice(0, -1)},"hash":"${sealed}"}\n` };
}

/** The last entry that is whole. */
export function lastMark({ entries }: Pick<Ledger, "entries">): LedgerMark {
  const { sequence, hash } = entries.at(-1) as LedgerEntry;
  return { sequence, hash };
}

/** Throws a LedgerError naming `name`, the line and what is wrong with it; see the head of this file for the last one. */
export function parseLedger(text: string, name: string): Ledger {
  const lines = text.split("\n");
  const isCut = lines.at(-1) !== ""; // without its newline a line is not whole
  if (!isCut) lines.pop();
  const reader = new ChainReader(name);
  let torn: string | undefined;
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    if (isSealed(line) && !(isLast && isCut)) reader.take(readEntry(line));
    else if (isLast && index > 0) torn = line;
    else reader.refuse("is damaged: its SHA-256 is not that of its content");
  }
  const whole = lines.slice(0, reader.entries.length).join("\n");
  const ledger = { name, start: reader.start(), entries: reader.entries, bytes: Buffer.byteLength(whole) + 1, torn };
  checkCountable(ledger);
  return ledger;
}

/** Beyond 2⁵³ − 1 a sum of steps is rounded, and could come out below what was spent. */
function checkCountable(ledger: Ledger): void {
  const steps = charges(ledger).reduce((sum, { kept }) => sum + kept, 0);
  if (Number.isSafeInteger(steps)) return;
  throw new LedgerError(`${ledger.name} reserves ${steps} steps; at most ${Number.MAX_SAFE_INTEGER} can be counted`);
}

/** What one line can cost: a reservation's steps, of which `kept` were taken or cannot be told from taken ones. */
export interface Charge {
  /** The same for the same entry in the ledgers of two branches. */
  readonly key: string;
  readonly rows: readonly CyclicSteps[];
  readonly kept: number;
  /** The process that reserved them said how many it took. */
  readonly settled: boolean;
}

/** What a ledger counts as spent, line by line. */
export function charges(ledger: Ledger): Charge[] {
  const all: Charge[] = [];
  let open = 0; // charges before this one are of a process that has ended
  for (const entry of ledger.entries) {
    if (entry.kind === "reserve") all.push(wholeCharge(entry.hash, entry.mechanisms));
    if (entry.kind === "settle") settle(all, open, entry.taken);
    if (entry.kind === "resume" && entry.damaged) all.push(damageCharge(entry.damaged));
    if (entry.kind === "settle" || entry.kind === "resume") open = all.length;
  }
  const damaged = damagedLine(ledger);
  if (damaged) all.push(damageCharge(damaged));
  return all;
}

/**
 * The last line, where it is damaged: counted as the largest reservation at the smallest noise of the plan, as often as
 * reservations fit its length, for the newlines between them may be damaged too.
 */
export function damagedLine({ start, entries, torn }: Ledger): DamagedLine | null {
  if (torn === undefined) return null;
  const most = Math.max(1, Math.floor(Buffer.byteLength(torn) / SHORTEST_RESERVATION));
  const worst = start.mechanisms.reduce((least, next) => (next.noiseMultiplier < least.noiseMultiplier ? next : least));
  // Whole cycles: each reservation may have begun one, and left one behind; where cycles go on from process to process, it may
  // have begun within one as well.
  const { cycle = 1 } = worst;
  const cycles = Math.ceil(start.largestReservation / cycle) + (start.correlation?.carried ? 1 : 0);
  const steps = most * cycles * cycle;
  return {
    line: sha256(lastMark({ entries }).hash + torn),
    mechanisms: [{ ...cut(worst, 0, steps), ...(cycle > 1 ? { phase: 0 } : {}) }],
  };
}

/**
 * Throws a LedgerError unless the ledger holds the entry that `file` was written after: a ledger that was put back to an
 * earlier state, or is another run's, must not be gone on with.
 */
export function checkHolds({ name, entries, torn }: Ledger, mark: LedgerMark, file: string): void {
  const there = entries[mark.sequence];
  if (there?.hash === mark.hash) return;
  if (there?.kind === "resume" && there.damaged) return; // stands in the place of a line that was damaged
  if (there === undefined && torn !== undefined && mark.sequence === entries.length) return;
  throw new LedgerError(
    there
      ? `${name}: line ${mark.sequence + 1} is not the entry that ${file} was written after: they are of different runs or branches`
      : `${name} ends at line ${entries.length}, but ${file} was written after line ${mark.sequence + 1}: steps were taken that the ledger no longer holds; put the whole ledger back`,
  );
}

function settle(all: Charge[], from: number, taken: number): void {
  let left = taken;
  for (let i = from; i < all.length; i++) {
    const charge = all[i] as Charge;
    const kept = Math.min(charge.kept, left);
    all[i] = { ...charge, kept, settled: true };
    left -= kept;
  }
}

// By the line and not by the entry in its place: two branches may each have replaced the same line.
function damageCharge({ line, mechanisms }: DamagedLine): Charge {
  return wholeCharge(line, mechanisms);
}

function wholeCharge(key: string, of: readonly CyclicSteps[]): Charge {
  return { key, rows: of, kept: countSteps(of), settled: false };
}

/** Takes entries in turn and refuses what cannot come next. */
class ChainReader {
  readonly entries: LedgerEntry[] = [];
  private open = 0;

  constructor(private readonly name: string) {}

  /** `entry`: as read, or why it cannot be. */
  take(entry: LedgerEntry | string): void {
    if (typeof entry === "string") this.refuse(entry);
    const wrong = this.whyNot(entry);
    if (wrong !== undefined) this.refuse(wrong);
    if (entry.kind === "reserve") this.open += countSteps(entry.mechanisms);
    else if (entry.kind !== "end") this.open = 0;
    this.entries.push(entry);
  }

  start(): LedgerStart {
    const [first] = this.entries;
    if (first?.kind === "start") return first;
    throw new LedgerError(`${this.name} is empty`);
  }

  refuse(why: string): never {
    throw new LedgerError(`${this.name}: line ${this.entries.length + 1} ${why}; what follows cannot be counted`);
  }

  private whyNot(entry: LedgerEntry): string | undefined {
    const before = this.entries.at(-1);
    if (entry.sequence !== this.entries.length) return `is entry ${entry.sequence}, not ${this.entries.length}`;
    if (entry.previous !== (before?.hash ?? NOTHING_BEFORE)) return "does not follow the line before it";
    if ((entry.kind === "start") !== (before === undefined)) return `is a '${entry.kind}' out of place`;
    if (before?.kind === "end" && (entry.kind !== "resume" || before.status !== "interrupted"))
      return `is a '${entry.kind}' after the run's end`;
    if (entry.kind === "settle" && entry.taken > this.open)
      return `settles ${entry.taken} steps where ${this.open} are reserved`;
    if (entry.kind === "reserve" && countSteps(entry.mechanisms) > this.start().largestReservation)
      return `reserves more than ${this.start().largestReservation} steps`;
    return undefined;
  }
}

/** Whether the line is, to the bit, what was once written. */
function isSealed(line: string): boolean {
  const seal = SEAL.exec(line);
  return seal !== null && sha256(`${line.slice(0, seal.index)}}`) === seal[1];
}

/** The entry of a sealed line, or what is wrong with it. */
function readEntry(line: string): LedgerEntry | string {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  const parsed = entrySchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const { format } = raw as { format?: unknown };
  if (format !== undefined && format !== 1) return `is of format ${format}, which this version cannot read`;
  const issue = parsed.error.issues[0];
  return `is no entry of a ledger (${[...(issue?.path ?? []), issue?.message].join(": ")})`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
