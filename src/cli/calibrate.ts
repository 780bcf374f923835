/** `hushgrad calibrate`: what a privacy target needs or allows: noise, steps or sampling rate, whichever is not given. */
import type { Command } from "commander";
import { accountantNames, defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { calibrateNoise, calibrateSamplingRate, calibrateSteps } from "../privacy/calibrate.js";
import { ranges } from "../privacy/check.js";
import { type Relation, underRelation } from "../privacy/relation.js";
import { roundUp } from "../privacy/rounding.js";
import { short } from "./format.js";
import { numberFlag } from "./number-flag.js";
import { relationOption } from "./relation-option.js";

interface CalibrateOptions {
  readonly samplingRate?: number;
  readonly noiseMultiplier?: number;
  readonly steps?: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly relation: Relation;
  readonly accountant: string;
  readonly json?: boolean;
}

interface Setting {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
}

export function register(program: Command): void {
  program
    .command("calibrate")
    .description("for ε at δ: the smallest noise, the most steps or the largest sampling rate, whichever is not given")
    .option(
      "--sampling-rate <q>",
      "probability of each example to be in a batch",
      numberFlag({ ...ranges.samplingRate, openMin: true }),
    )
    .option(
      "--noise-multiplier <sigma>",
      "noise over sensitivity",
      numberFlag({ ...ranges.noiseMultiplier, openMin: true }),
    )
    .option("--steps <n>", "number of steps", numberFlag({ ...ranges.steps, min: 1 }))
    .requiredOption("--epsilon <epsilon>", "target ε", numberFlag(ranges.epsilon))
    .requiredOption("--delta <delta>", "δ", numberFlag(ranges.delta))
    .addOption(relationOption())
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .option("--json", "print JSON")
    .action((options: CalibrateOptions, command: Command) => {
      const { delta, accountant, relation } = options;
      const setting = complete(options) ?? command.error(twoOfThree);
      const mechanism = underRelation(setting, relation);
      const epsilon = makeAccountant(accountant).epsilonAfter(mechanism, setting.steps, delta);
      const answer = { ...setting, epsilon, accountant, relation, delta, targetEpsilon: options.epsilon };
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(answer));
    });
}

const twoOfThree = "error: give two of --sampling-rate, --noise-multiplier and --steps: the third is calibrated";

/** The two that are given, and the third as far as the target goes; undefined where not two are given. */
function complete(options: CalibrateOptions): Setting | undefined {
  const { samplingRate, noiseMultiplier, steps, epsilon, delta, accountant } = options;
  const kind = underRelation({ epsilon, delta }, options.relation);
  if (samplingRate !== undefined && steps !== undefined && noiseMultiplier === undefined) {
    return {
      noiseMultiplier: calibrateNoise({ ...kind, samplingRate, steps }, accountant),
      samplingRate,
      steps,
    };
  }
  if (samplingRate !== undefined && noiseMultiplier !== undefined && steps === undefined) {
    const target = { ...kind, samplingRate, noiseMultiplier };
    return { steps: calibrateSteps(target, accountant), samplingRate, noiseMultiplier };
  }
  if (noiseMultiplier !== undefined && steps !== undefined && samplingRate === undefined) {
    const target = { ...kind, noiseMultiplier, steps };
    return { samplingRate: calibrateSamplingRate(target, accountant), noiseMultiplier, steps };
  }
  return undefined;
}

function text(answer: Setting & { readonly epsilon: number; readonly delta: number }): string {
  const { noiseMultiplier, epsilon, steps, samplingRate, delta } = answer;
  return `σ = ${noiseMultiplier} gives ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (q = ${short(samplingRate)}, ${steps} steps)\n`;
}
