/** `hushgrad train CONFIG.json`: trains and leaves a folder with everything about the run. */
import { basename, dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { applyOverrides, parseConfig, readConfigJson } from "../training/config.js";
import { loadData, loadPublicData } from "../training/data-config.js";
import type { TrainingResult } from "../training/events.js";
import { freshRunPath, runPaths } from "../training/run-directory.js";
import { optionRanges } from "../training/session-options.js";
import { Trainer } from "../training/trainer.js";
import { printable } from "./failure.js";
import { bytes, duration, short } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { numberFlag } from "./number-flag.js";
import { showProgress } from "./progress.js";
import { scoresOf } from "./scores.js";

interface TrainOptions {
  readonly out?: string;
  readonly resume?: boolean;
  readonly epochs?: number;
  readonly steps?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly data?: string;
  readonly json?: boolean;
}

const INTERRUPTED = 130;

const whole = { max: Number.MAX_SAFE_INTEGER, integer: true };
const epochsFlag = numberFlag({ min: 0, max: Number.MAX_VALUE, openMin: true });
const stepsFlag = numberFlag({ min: 1, ...whole });
const seedFlag = numberFlag({ min: 0, ...whole });
const threadsFlag = numberFlag(optionRanges.threads);

export function register(program: Command): void {
  program
    .command("train")
    .description("train a model as a configuration file says, e.g. examples/mnist.json")
    .argument("<config>", "configuration, JSON")
    .option("-o, --out <dir>", "folder of the run (default: runs/NAME-001, -002, …)")
    .option("--resume", "go on with the run in --out: its spent privacy counts on")
    .addOption(new Option("--epochs <n>", "instead of the configuration's").argParser(epochsFlag).conflicts("steps"))
    .addOption(new Option("--steps <n>", "instead of the configuration's").argParser(stepsFlag))
    .addOption(new Option("--seed <n>", "make the run reproducible, and not private").argParser(seedFlag))
    .addOption(new Option("--threads <n>", "0: one a core").argParser(threadsFlag))
    .option("--data <dir>", "folder with the data, instead of the configuration's", (path) => resolve(path))
    .option("--json", "print the outcome as JSON on stdout")
    .action(train);
}

async function train(file: string, options: TrainOptions, command: Command): Promise<void> {
  if (options.resume && options.out === undefined)
    command.error("error: --resume needs --out DIR, the run to go on with");
  const config = parseConfig(applyOverrides(readConfigJson(file), options), file);
  const name = config.name ?? basename(file).replace(/\.json$/, "");
  const out = options.out ?? freshRunPath("runs", name);
  const { train, test, skipped = [] } = await loadData(config.data, dirname(file));
  const shown = await loadPublicData(config, dirname(file));
  for (const reason of [...skipped, ...(shown?.skipped ?? [])])
    process.stderr.write(`left out: ${printable(reason)}\n`);
  const trainer = new Trainer({
    config,
    train,
    test,
    public: shown?.train,
    out,
    resume: options.resume,
    title: name,
  });
  const interrupt = interruptSignal();
  const progress = showProgress(trainer);
  try {
    const result = await trainer.run(interrupt.signal);
    progress.stop();
    process.stdout.write(options.json ? `${JSON.stringify(outcome(result, out), null, 2)}\n` : summary(result, out));
    if (result.stopped === "interrupted") process.exitCode = INTERRUPTED;
  } finally {
    progress.stop();
    interrupt.release();
  }
}

function summary(result: TrainingResult, out: string): string {
  const { plan } = result;
  const paths = runPaths(out);
  const note = result.seeded ? "  seeded: not private" : "";
  const privacy: [string, string][] = plan.privacy
    ? [
        ["ε", `${short(result.epsilon ?? Number.NaN)}${note}`],
        ["δ", short(plan.privacy.delta)],
        ["σ", noiseRange(plan)],
      ]
    : [["privacy", "none: this run is not private"]];
  const scores = scoresOf(result.test).map(([name, value]): [string, string] => [
    name,
    `${value} on the test data (outside ε)`,
  ]);
  const lost = result.accountedSteps - result.step;
  const rows: [string, string][] = [
    ...(scores.length > 0 ? scores : [["accuracy", "no test data"] satisfies [string, string]]),
    ...privacy,
    ["q", short(plan.samplingRate)],
    ["steps", `${result.step} of ${plan.steps}${lost > 0 ? `, and ${lost} lost to a crash but counted` : ""}`],
    ["time", duration(result.seconds)],
    ["peak memory", bytes(result.peakBytes)],
    ["metrics", paths.metrics],
    ["privacy", paths.privacy],
    ["checkpoint", paths.checkpoint],
    ["report", paths.report],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return `\n${stopLine(result, out)}\n${rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`).join("\n")}\n`;
}

/** σ of the first step and, where a schedule changes it, of the last. */
function noiseRange({ mechanisms, noiseMultiplier }: TrainingResult["plan"]): string {
  const first = mechanisms[0]?.noiseMultiplier ?? noiseMultiplier;
  const last = mechanisms.at(-1)?.noiseMultiplier ?? noiseMultiplier;
  return first === last ? short(first) : `${short(first)} … ${short(last)}`;
}

function stopLine(result: TrainingResult, out: string): string {
  if (result.stopped === "finished") return "Finished.";
  if (result.stopped === "budget") return "Stopped: another step would exceed the privacy budget.";
  return `Interrupted. Go on with --out ${out} --resume.`;
}

function outcome(result: TrainingResult, out: string): Record<string, unknown> {
  const { plan } = result;
  const { metrics, privacy, checkpoint, report } = runPaths(out);
  const segmentation = result.test?.segmentation;
  return {
    stopped: result.stopped,
    accuracy: result.test?.accuracy ?? null,
    testLoss: result.test?.loss ?? null,
    ...(segmentation && {
      meanDice: segmentation.meanDice,
      pixelAccuracy: segmentation.pixelAccuracy,
      dice: segmentation.dice,
    }),
    epsilon: result.seeded ? null : (result.epsilon ?? null),
    ...(result.seeded && result.epsilon !== undefined ? { epsilonIfNotSeeded: result.epsilon } : {}),
    delta: plan.privacy?.delta ?? null,
    noiseMultiplier: plan.noiseMultiplier,
    samplingRate: plan.samplingRate,
    steps: result.step,
    accountedSteps: result.accountedSteps,
    private: plan.privacy !== undefined && !result.seeded,
    seeded: result.seeded,
    seconds: result.seconds,
    peakBytes: result.peakBytes,
    files: { directory: join(out), metrics, privacy, checkpoint, report },
  };
}
