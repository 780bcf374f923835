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
import { roundDown, roundUp } from "../privacy/rounding.js";
import { short } from "./format.js";
import { numberFlag } from "./number-flag.js";

interface AccountOptions {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
  readonly accountant: string;
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
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .option("--json", "print JSON: ε is null where there is no guarantee")
    .action((options: AccountOptions) => {
      const { samplingRate, noiseMultiplier, steps, delta } = options;
      const accountant = makeAccountant(options.accountant);
      accountant.step({ samplingRate, noiseMultiplier }, steps);
      const report = accountant.report(delta);
      process.stdout.write(options.json ? json(options, accountant, report) : text(options, accountant, report));
    });
}

function json(options: AccountOptions, accountant: Accountant, report: EpsilonReport): string {
  const { samplingRate, noiseMultiplier, steps, delta } = options;
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
  };
  return `${JSON.stringify(answer)}\n`;
}

function text(options: AccountOptions, accountant: Accountant, report: EpsilonReport): string {
  const { epsilon, lower, proof, order } = report;
  const { samplingRate, noiseMultiplier, steps, delta } = options;
  const setting = `q = ${short(samplingRate)}, σ = ${short(noiseMultiplier)}, ${steps} steps`;
  if (!Number.isFinite(epsilon)) return `no guarantee: ε is infinite at δ = ${short(delta)} (${setting})\n`;
  const kind = accountant.upperBound
    ? `${accountant.name}, an upper bound${proof === undefined ? "" : ` ${proofs[proof]}`}`
    : `${accountant.name}: an approximation, may under-report`;
  const best = order === undefined ? "" : `, order ${order}`;
  const exact = lower === undefined ? "" : `, none below ${roundDown(lower, 6)} holds`;
  return `ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (${kind}${best}${exact}; ${setting})\n`;
}
