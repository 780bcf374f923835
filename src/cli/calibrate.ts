/** `hushgrad calibrate`: what a privacy target needs or allows: noise, steps or sampling rate, whichever is not given. */
import type { Command } from "commander";
import { accountantNames, defaultAccountant, makeAccountant } from "../privacy/accountant.js";
import { calibrateNoise, calibrateSamplingRate, calibrateSteps } from "../privacy/calibrate.js";
import { ranges } from "../privacy/check.js";
import { roundDown, roundUp } from "../privacy/rounding.js";
import type { SamplingConfig } from "../sampling/index.js";
import { short } from "./format.js";
import { numberFlag } from "./number-flag.js";
import { addSampling, type SampledSteps, type SamplingFlags, sampledSteps } from "./sampling-flags.js";

interface CalibrateOptions extends SamplingFlags {
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

export function register(program: Command): void {
  addSampling(program.command("calibrate"))
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
      const { samplingRate, noiseMultiplier, steps } = setting;
      const row = { ...sampled.mechanism(samplingRate), noiseMultiplier, steps };
      const epsilon = makeAccountant(accountant).epsilonWith([row], delta);
      const { relation } = sampled;
      const told = { ...setting, ...sampled.facts(samplingRate), epsilon, accountant, relation, delta };
      const answer = { ...told, targetEpsilon: options.epsilon };
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : text(told, sampled));
    });
}

const twoOfThree = "error: give two of --sampling-rate, --noise-multiplier and --steps: the third is calibrated";

/** The two that are given, and the third as far as the target goes; undefined where not two are given. */
function complete(options: CalibrateOptions, sampled: SampledSteps, command: Command): Setting | undefined {
  const { samplingRate, noiseMultiplier, steps, epsilon, delta, accountant } = options;
  if (samplingRate !== undefined && steps !== undefined && noiseMultiplier === undefined) {
    const { cycle = 1, ...mechanism } = sampled.mechanism(samplingRate);
    const target = { ...mechanism, steps: Math.ceil(steps / cycle), epsilon, delta };
    return { noiseMultiplier: calibrateNoise(target, accountant), samplingRate, steps };
  }
  if (samplingRate !== undefined && noiseMultiplier !== undefined && steps === undefined) {
    const { cycle = 1, ...mechanism } = sampled.mechanism(samplingRate);
    const paid = calibrateSteps({ ...mechanism, noiseMultiplier, epsilon, delta }, accountant);
    return { steps: Math.min(paid * cycle, Number.MAX_SAFE_INTEGER), samplingRate, noiseMultiplier };
  }
  if (noiseMultiplier !== undefined && steps !== undefined && samplingRate === undefined) {
    return { samplingRate: largestRate(options, sampled, { noiseMultiplier, steps }, command), noiseMultiplier, steps };
  }
  return undefined;
}

/** The largest q: that of the Poisson or fixed-size steps which the sampler's are accounted as, as its own. */
function largestRate(
  { epsilon, delta, accountant, examples = 0 }: CalibrateOptions,
  { config, mechanism }: SampledSteps,
  { noiseMultiplier, steps }: Omit<Setting, "samplingRate">,
  command: Command,
): number {
  const own = ownRates(config, examples);
  if (!own) command.error(`error: --sampling-rate is not calibrated with --sampler ${config.type}: give it`);
  const { samplingRate: _, cycle = 1, phase, ...kind } = mechanism(own.least);
  const target = { ...kind, noiseMultiplier, steps: Math.ceil(steps / cycle), epsilon, delta };
  return own.of(calibrateSamplingRate(target, accountant));
}

interface OwnRates {
  /** A rate that the sampler takes in any case. */
  readonly least: number;
  /** The sampler's rate whose steps are accounted at `rate`, rounded down. */
  of(rate: number): number;
}

/** Undefined where what a step costs hangs on q in other ways: by cycles, or by the chance of a failure. */
function ownRates(config: SamplingConfig, examples: number): OwnRates | undefined {
  if (config.type === "poisson") return { least: 1e-15, of: (rate) => rate };
  if (config.type === "cyclicPoisson") {
    const { blocks } = config;
    return { least: 1e-15, of: (rate) => roundDown(rate / blocks, 6) };
  }
  if (config.type === "bMinSep") {
    const { separation } = config;
    return { least: 1e-15, of: (rate) => roundDown(rate / (1 + (separation - 1) * rate), 6) };
  }
  if (config.type === "fixedSize") {
    return { least: 1 / examples, of: (rate) => wholeBatch(rate, examples) };
  }
  return undefined;
}

function wholeBatch(rate: number, examples: number): number {
  const size = Math.floor(rate * examples);
  if (size >= 1) return size / examples;
  throw new RangeError(
    `epsilon: not even batches of 1 of ${examples} examples stay within it; raise it, delta or the noise`,
  );
}

function text(
  answer: Setting & Pick<CalibrateOptions, "accountant" | "delta"> & { readonly epsilon: number },
  { relation, text: sampling }: SampledSteps,
): string {
  const { noiseMultiplier, epsilon, steps, samplingRate, delta, accountant } = answer;
  return (
    `σ = ${noiseMultiplier} gives ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (${accountant}, an upper bound; ` +
    `q = ${short(samplingRate)}, ${steps} steps${sampling}, ${relation})\n`
  );
}
