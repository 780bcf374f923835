/** How batches are drawn and what the noise is, as flags of commands that train nothing: one object says what that is to the accountant. */
import { type Command, Option } from "commander";
import type { CyclicMechanism } from "../privacy/cycle.js";
import { type Relation, underRelation } from "../privacy/relation.js";
import { makeSampling, type SamplerName, type SamplingConfig, samplerNames, samplingType } from "../sampling/index.js";
import { numberFlag } from "./number-flag.js";
import { relationOption } from "./relation-option.js";

const whole = numberFlag({ min: 1, max: Number.MAX_SAFE_INTEGER, integer: true });

export interface SamplingFlags {
  readonly sampler: SamplerName;
  readonly examples?: number;
  readonly maxBatch?: number;
  readonly blocks?: number;
  readonly separation?: number;
  readonly discrete?: number;
  readonly relation: Relation;
}

/** Adds the flags that make `SamplingFlags`. */
export function addSampling(command: Command): Command {
  return command
    .addOption(new Option("--sampler <name>", "how batches are drawn").choices(samplerNames).default("poisson"))
    .option("--examples <n>", "how many there are, of samplers that depend on it", whole)
    .option("--max-batch <n>", "of truncatedPoisson", whole)
    .option("--blocks <k>", "of cyclicPoisson", whole)
    .option("--separation <b>", "of bMinSep", whole)
    .option("--discrete <coordinates>", "noise is the discrete Gaussian, in that many coordinates", whole)
    .addOption(relationOption());
}

/** What the flags say of a step, whatever its noise and number. */
export interface SampledSteps {
  readonly relation: Relation;
  /** The relation, where it was typed. */
  readonly asked: Relation | undefined;
  /** The flag that says how examples are drawn or noise is made, where one was typed: `--sampler poisson`. */
  readonly chosen: string | undefined;
  /** As a configuration has it. */
  readonly config: SamplingConfig;
  /** What a step of rate q is to the accountant. Throws an error about a rate or flag that does not fit. */
  mechanism(samplingRate: number): Omit<CyclicMechanism, "noiseMultiplier">;
  /** What an answer's JSON says of it; nothing of what holds unless said otherwise. */
  facts(samplingRate: number): Readonly<Record<string, unknown>>;
  /** What its text says of it: "" or ", fixedSize, …". */
  readonly text: string;
}

/** Samplers whose batches or accounting depend on the number of examples. */
const needExamples: readonly SamplerName[] = ["truncatedPoisson", "fixedSize", "shuffle"];

/** Reads the flags; ends the command where they do not fit each other. */
export function sampledSteps(flags: SamplingFlags, command: Command): SampledSteps {
  const { sampler, examples, maxBatch, blocks, separation, discrete } = flags;
  if (examples === undefined && needExamples.includes(sampler)) {
    command.error(`error: --sampler ${sampler} needs --examples: how many there are`);
  }
  const relation = relationOf(flags, command);
  // A flag of another sampler is a key that this one's schema names.
  const given = Object.entries({ maxBatch, blocks, separation }).filter(([, value]) => value !== undefined);
  const config = { type: sampler, ...Object.fromEntries(given) } as SamplingConfig;
  const noise = discrete === undefined ? {} : { discreteCoordinates: discrete };
  const isPlain = sampler === "poisson" && given.length === 0;
  const sampling = (samplingRate: number) => makeSampling(config, { examples: examples ?? 1, samplingRate });
  return {
    relation,
    asked: command.getOptionValueSource("relation") === "default" ? undefined : relation,
    chosen: chosenFlag(flags, command),
    config,
    mechanism: (samplingRate) => {
      const drawn = isPlain ? { samplingRate } : sampling(samplingRate).mechanism;
      return underRelation({ ...drawn, ...noise }, relation);
    },
    facts: (samplingRate) => ({
      ...(isPlain ? {} : { sampling: config, accountedAs: sampling(samplingRate).accountedAs }),
      ...(examples === undefined ? {} : { examples }),
      ...noise,
    }),
    text: `${isPlain ? "" : `, ${sampler}`}${discrete === undefined ? "" : `, discrete noise in ${discrete} coordinates`}`,
  };
}

function chosenFlag(flags: SamplingFlags, command: Command): string | undefined {
  if (command.getOptionValueSource("sampler") !== "default") return `--sampler ${flags.sampler}`;
  const { discrete, examples, maxBatch, blocks, separation } = flags;
  const others = { discrete, examples, "max-batch": maxBatch, blocks, separation };
  const typed = Object.entries(others).find(([, value]) => value !== undefined);
  return typed && `--${typed[0]}`;
}

/** As asked for, or else the strongest that the sampler's accounting is proved under. */
function relationOf({ sampler, relation }: SamplingFlags, command: Command): Relation {
  const { relations } = samplingType(sampler);
  if (relations.includes(relation)) return relation;
  if (command.getOptionValueSource("relation") === "default") return relations[0] as Relation;
  return command.error(`error: --relation ${relation}: allowed with --sampler ${sampler}: ${relations.join(", ")}`);
}
