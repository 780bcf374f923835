/** `hushgrad calibrate`: the noise multiplier that a privacy target needs. */
import type { Command } from "commander";
import { accountantNames, defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { calibrateNoise } from "../privacy/calibrate.js";
import { ranges } from "../privacy/check.js";
import { roundUp } from "../privacy/rounding.js";
import { short } from "./format.js";
import { numberFlag } from "./number-flag.js";

interface CalibrateOptions {
  readonly samplingRate: number;
  readonly steps: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly accountant: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command("calibrate")
    .description("the smallest noise multiplier for ε at δ after a number of steps")
    .requiredOption(
      "--sampling-rate <q>",
      "probability of each example to be in a batch",
      numberFlag({ ...ranges.samplingRate, openMin: true }),
    )
    .requiredOption("--steps <n>", "number of steps", numberFlag({ ...ranges.steps, min: 1 }))
    .requiredOption("--epsilon <epsilon>", "target ε", numberFlag(ranges.epsilon))
    .requiredOption("--delta <delta>", "δ", numberFlag(ranges.delta))
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .option("--json", "print JSON")
    .action((options: CalibrateOptions) => {
      const { samplingRate, steps, delta, accountant } = options;
      const noiseMultiplier = calibrateNoise(options, accountant);
      const epsilon = makeAccountant(accountant).epsilonAfter({ samplingRate, noiseMultiplier }, steps, delta);
      const answer = {
        noiseMultiplier,
        epsilon,
        accountant,
        samplingRate,
        steps,
        delta,
        targetEpsilon: options.epsilon,
      };
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(answer));
    });
}

function text(answer: {
  noiseMultiplier: number;
  epsilon: number;
  steps: number;
  samplingRate: number;
  delta: number;
}): string {
  const { noiseMultiplier, epsilon, steps, samplingRate, delta } = answer;
  return `σ = ${noiseMultiplier} gives ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (q = ${short(samplingRate)}, ${steps} steps)\n`;
}
