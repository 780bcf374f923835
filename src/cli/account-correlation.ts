/** `--correlation` and what goes with it: rows of a run whose noise is correlated from step to step. */
import type { Command } from "commander";
import { chargesOf } from "../correlation/charges.js";
import { type CorrelationConfig, correlationNames, makeCorrelation, type Participation } from "../correlation/index.js";
import { costOf } from "../privacy/ledger-rows.js";
import type { MechanismSteps } from "../privacy/mechanism.js";
import { type Relation, underRelation } from "../privacy/relation.js";
import { numberFlag } from "./number-flag.js";

export interface CorrelationOptions {
  readonly correlation?: string;
  readonly participation?: string;
  readonly momentum?: number;
  readonly retention?: number;
}

export function addCorrelationOptions(command: Command): Command {
  return command
    .option(
      "--correlation <type:size>",
      `noise correlated from step to step: ${correlationNames.join(", ")}, with its bands or buffers (bandMF:8)`,
    )
    .option(
      "--participation <pattern:steps>",
      "of one example, with --correlation: cyclic:K, separated:K or once-a-cycle:K steps (docs/correlated-noise.md)",
    )
    .option("--momentum <beta>", "that C is made for: the optimizer's", numberFlag({ min: 0, max: 1, openMax: true }))
    .option(
      "--retention <alpha>",
      "likewise: 1 less learning rate times weight decay",
      numberFlag({ min: 0.5, max: 1 }),
    );
}

/** What is charged, under the relation. Throws a RangeError naming the flag. */
export function correlatedRows(
  options: CorrelationOptions & { readonly relation: Relation },
  { samplingRate, noiseMultiplier, steps }: { samplingRate: number; noiseMultiplier: number; steps: number },
): MechanismSteps[] {
  const participation = participationOf(options.participation);
  const workload = { retention: options.retention ?? 1, momentum: options.momentum ?? 0 };
  const correlation = makeCorrelation(configOf(options.correlation), { steps, participation, workload });
  if (participation.pattern === "cyclic" && options.relation === "add/remove") {
    throw new RangeError(
      "--participation cyclic: needs --relation zero-out or replace-one: blocks go by number, which add/remove would shift",
    );
  }
  const rate = Math.min(1, participation.steps * samplingRate);
  const mechanism = { samplingRate: rate, cycle: participation.steps };
  const charges = chargesOf(correlation, { mechanism, participation }, steps);
  const rows = charges.pieces.map((piece) =>
    underRelation(
      { ...charges.mechanism, noiseMultiplier: noiseMultiplier * piece.factor, steps: piece.steps },
      options.relation,
    ),
  );
  return [...costOf(rows)];
}

function configOf(text = ""): CorrelationConfig {
  const [type, size] = split("--correlation", text, correlationNames);
  return type === "blt" ? { type, buffers: size } : { type: type as "bandMF" | "bisr", bands: size };
}

const patterns = ["cyclic", "separated", "once-a-cycle"] as const;

function participationOf(text = ""): Participation {
  const [pattern, steps] = split("--participation", text, patterns);
  return { pattern, steps };
}

function split<Name extends string>(flag: string, text: string, names: readonly Name[]): [Name, number] {
  const [, given, number] = /^([\w-]+):(\d{1,7})$/.exec(text) ?? [];
  const name = names.find((known) => known === given);
  if (name !== undefined && Number(number) >= 1) return [name, Number(number)];
  throw new RangeError(
    `${flag}: got ${JSON.stringify(text)}, allowed: ${names.map((known) => `${known}:N`).join(", ")}, N a whole number from 1`,
  );
}
