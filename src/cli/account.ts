/** `hushgrad account`: ε of Poisson-sampled Gaussian steps, without training anything. */
import type { Command } from "commander";
import {
  type Accountant,
  accountantNames,
  defaultAccountant,
  type EpsilonReport,
  makeAccountant,
} from "../privacy/accountant.js";
import { ranges } from "../privacy/check.js";
import { type Relation, underRelation } from "../privacy/relation.js";
import { roundDown, roundUp } from "../privacy/rounding.js";
import { short, table } from "./format.js";
import { numberFlag } from "./number-flag.js";
import { relationOption } from "./relation-option.js";

interface AccountOptions {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
  readonly relation: Relation;
  readonly accountant: string;
  readonly curve?: boolean;
  readonly json?: boolean;
}

const proofs: Readonly<Record<NonNullable<EpsilonReport["proof"]>, string>> = {
  pld: "by the privacy loss distribution",
  rdp: "by Rényi divergence",
  gaussian: "by the Gaussian mechanism's exact curve",
};

export function register(program: Command): void {
  program
    .command("account")
    .description("ε at δ after a number of Poisson-sampled Gaussian steps")
    .requiredOption(
      "--sampling-rate <q>",
      "probability of each example to be in a batch",
      numberFlag(ranges.samplingRate),
    )
    .requiredOption("--noise-multiplier <sigma>", "noise over sensitivity", numberFlag(ranges.noiseMultiplier))
    .requiredOption("--steps <n>", "number of steps", numberFlag(ranges.steps))
    .requiredOption("--delta <delta>", "δ", numberFlag(ranges.delta))
    .addOption(relationOption())
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .option("--curve", "ε at δ = 1e-3 … 1e-12 as well")
    .option("--json", "print JSON: ε is null where there is no guarantee")
    .action((options: AccountOptions) => {
      const { samplingRate, noiseMultiplier, steps, delta, relation } = options;
      const accountant = makeAccountant(options.accountant);
      accountant.step(underRelation({ samplingRate, noiseMultiplier }, relation), steps);
      const report = accountant.report(delta);
      const curve = options.curve ? curveOf(accountant) : [];
      const answer = options.json ? json(options, accountant, report, curve) : text(options, accountant, report);
      process.stdout.write(answer);
      if (options.curve && !options.json) process.stdout.write(`\n${curveTable(curve)}\n`);
    });
}

type CurvePoint = EpsilonReport & { readonly delta: number };

const curveDeltas = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12];

function curveOf(accountant: Accountant): CurvePoint[] {
  return curveDeltas.map((delta) => ({ delta, ...accountant.report(delta) }));
}

function curveTable(curve: readonly CurvePoint[]): string {
  const rows = curve.map(({ delta, epsilon, lower }) => [
    short(delta),
    Number.isFinite(epsilon) ? String(roundUp(epsilon, 6)) : "infinite",
    lower === undefined ? "" : String(roundDown(lower, 6)),
  ]);
  return table([{ title: "δ" }, { title: "ε", right: true }, { title: "not below", right: true }], rows);
}

function json(
  options: AccountOptions,
  accountant: Accountant,
  report: EpsilonReport,
  curve: readonly CurvePoint[],
): string {
  const { samplingRate, noiseMultiplier, steps, delta, relation } = options;
  const { epsilon, lower, proof, order } = report;
  const answer = {
    epsilon: Number.isFinite(epsilon) ? epsilon : null,
    accountant: accountant.name,
    upperBound: accountant.upperBound,
    ...(lower === undefined ? {} : { epsilonLower: lower }),
    ...(proof === undefined ? {} : { proof }),
    ...(order === undefined ? {} : { order }),
    samplingRate,
    noiseMultiplier,
    steps,
    delta,
    relation,
    ...(options.curve ? { curve: curve.map(curveJson) } : {}),
  };
  return `${JSON.stringify(answer)}\n`;
}

function curveJson({ delta, epsilon, lower }: CurvePoint): Record<string, number | null> {
  return {
    delta,
    epsilon: Number.isFinite(epsilon) ? epsilon : null,
    ...(lower === undefined ? {} : { epsilonLower: lower }),
  };
}

function text(options: AccountOptions, accountant: Accountant, report: EpsilonReport): string {
  const { epsilon, lower, proof, order } = report;
  const { samplingRate, noiseMultiplier, steps, delta, relation } = options;
  const setting = `q = ${short(samplingRate)}, σ = ${short(noiseMultiplier)}, ${steps} steps, ${relation}`;
  if (!Number.isFinite(epsilon)) return `no guarantee: ε is infinite at δ = ${short(delta)} (${setting})\n`;
  const kind = accountant.upperBound
    ? `${accountant.name}, an upper bound${proof === undefined ? "" : ` ${proofs[proof]}`}`
    : `${accountant.name}: an approximation, may under-report`;
  const best = order === undefined ? "" : `, order ${order}`;
  const exact = lower === undefined ? "" : `, none below ${roundDown(lower, 6)} holds`;
  return `ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (${kind}${best}${exact}; ${setting})\n`;
}
