/** `hushgrad calibrate`: what a privacy target needs or allows: noise, steps or sampling rate, whichever is not given. */
import type { Command } from "commander";
import { accountantNames, defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { calibrateNoise, calibrateSteps } from "../privacy/calibrate.js";
import { ranges } from "../privacy/check.js";
import type { CyclicSteps } from "../privacy/cycle.js";
import { wholeCycle } from "../privacy/cycle.js";
import { countSteps } from "../privacy/ledger-rows.js";
import { type MechanismSteps, mechanismOf } from "../privacy/mechanism.js";
import { roundUp } from "../privacy/rounding.js";
import { calibrateSampling } from "../sampling/calibrate.js";
import { addCorrelationOptions, type CorrelationOptions } from "./account-correlation.js";
import { type RowOptions, rowsOf } from "./account-rows.js";
import { short } from "./format.js";
import { numberFlag } from "./number-flag.js";
import { addSampling, type SampledSteps, type SamplingFlags, sampledSteps } from "./sampling-flags.js";

interface CalibrateOptions extends SamplingFlags, CorrelationOptions {
  readonly samplingRate?: number;
  readonly noiseMultiplier?: number;
  readonly steps?: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly accountant: string;
  readonly json?: boolean;
}

interface Setting {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
}

interface Answer extends Setting, Pick<CalibrateOptions, "accountant" | "delta"> {
  readonly epsilon: number;
  readonly correlation?: string | undefined;
  readonly participation?: string | undefined;
}

export function register(program: Command): void {
  addCorrelationOptions(addSampling(program.command("calibrate")))
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
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .option("--json", "print JSON")
    .action((options: CalibrateOptions, command: Command) => {
      const { delta, accountant } = options;
      const sampled = sampledSteps(options, command);
      const setting = complete(options, sampled, command) ?? command.error(twoOfThree);
      const { samplingRate } = setting;
      const rows = completeRows({ ...options, ...setting }, sampled);
      const epsilon = makeAccountant(accountant).epsilonWith(rows, delta);
      const { relation } = sampled;
      const { correlation, participation } = options;
      const correlated = correlation === undefined ? {} : { correlation, participation };
      const told = { ...setting, ...correlated, ...sampled.facts(samplingRate), epsilon, accountant, relation, delta };
      const answer = { ...told, targetEpsilon: options.epsilon };
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(told, sampled));
    });
}

const twoOfThree = "error: give two of --sampling-rate, --noise-multiplier and --steps: the third is calibrated";
const noiseAlone = "error: with --correlation the noise is what is calibrated: give --sampling-rate and --steps alone";

/** The two that are given, and the third as far as the target goes; undefined where not two are given. */
function complete(options: CalibrateOptions, sampled: SampledSteps, command: Command): Setting | undefined {
  const { samplingRate, noiseMultiplier, steps, epsilon, delta, accountant } = options;
  if (options.correlation !== undefined) {
    if (samplingRate === undefined || steps === undefined || noiseMultiplier !== undefined) command.error(noiseAlone);
    return { noiseMultiplier: correlatedNoise(options, sampled), samplingRate, steps };
  }
  if (samplingRate !== undefined && steps !== undefined && noiseMultiplier === undefined) {
    const mechanism = sampled.mechanism(samplingRate);
    const target = { ...wholeCycle(mechanism), steps: Math.ceil(steps / (mechanism.cycle ?? 1)), epsilon, delta };
    return { noiseMultiplier: calibrateNoise(target, accountant), samplingRate, steps };
  }
  if (samplingRate !== undefined && noiseMultiplier !== undefined && steps === undefined) {
    const mechanism = sampled.mechanism(samplingRate);
    const paid = calibrateSteps({ ...wholeCycle(mechanism), noiseMultiplier, epsilon, delta }, accountant);
    return {
      steps: Math.min(paid * (mechanism.cycle ?? 1), Number.MAX_SAFE_INTEGER),
      samplingRate,
      noiseMultiplier,
    };
  }
  if (noiseMultiplier !== undefined && steps !== undefined && samplingRate === undefined) {
    const { examples = 1, discrete: discreteCoordinates } = options;
    const { config, relation } = sampled;
    const target = { examples, noiseMultiplier, steps, epsilon, delta, relation, discreteCoordinates };
    return { samplingRate: calibrateSampling(config, target, accountant), noiseMultiplier, steps };
  }
  return undefined;
}

/** Never fewer rows than the flags say: no rows would cost nothing. */
function completeRows(options: RowOptions, sampled: SampledSteps): readonly CyclicSteps[] {
  const accounted = rowsOf(options, sampled);
  if (!accounted) throw new Error("calibrate: the steps to account for are not complete");
  return accounted.rows;
}

/** σ of correlated noise: what is charged for σ = 1 says by which factors of σ the steps are accounted. */
function correlatedNoise(options: CalibrateOptions, sampled: SampledSteps): number {
  const { epsilon, delta, accountant } = options;
  const rows = completeRows({ ...options, noiseMultiplier: 1 }, sampled).filter((row) => row.samplingRate > 0);
  const pieces = rows.map(({ noiseMultiplier: factor, steps }) => ({ factor, steps }));
  const { noiseMultiplier: _, ...mechanism } = mechanismOf(rows[0] as MechanismSteps);
  return calibrateNoise({ ...mechanism, pieces, steps: countSteps(rows), epsilon, delta }, accountant);
}

function text(answer: Answer, { relation, text: sampling }: SampledSteps): string {
  const { noiseMultiplier, epsilon, steps, samplingRate, delta, accountant, correlation, participation } = answer;
  const noise = correlation === undefined ? "" : `, noise ${correlation}, examples ${participation}`;
  return (
    `σ = ${noiseMultiplier} gives ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (${accountant}, an upper bound; ` +
    `q = ${short(samplingRate)}, ${steps} steps${sampling}${noise}, ${relation})\n`
  );
}
