/** `hushgrad train CONFIG.json`: trains and leaves a folder with everything about the run. */
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import { applyOverrides, type ConfigOverrides, parseConfig, readConfigJson } from "../training/config.js";
import type { TrainingResult } from "../training/events.js";
import { freshRunPath, runPaths } from "../training/run-directory.js";
import { Trainer } from "../training/trainer.js";
import { bytes, duration, short } from "./format.js";
import { INTERRUPTED, interruptSignal } from "./interrupt.js";
import { loadExamples } from "./load-data.js";
import { addOverrides } from "./overrides.js";
import { showProgress } from "./progress.js";
import { scoresOf } from "./scores.js";

interface TrainOptions extends ConfigOverrides {
  readonly out?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command("train")
    .description("train a model as a configuration file says, e.g. examples/mnist.json")
    .argument("<config>", "configuration, JSON")
    .option("-o, --out <dir>", "folder of the run (default: runs/NAME-001, -002, …)")
    .option("--resume", "go on with the run in --out: its spent privacy counts on");
  addOverrides(command).option("--json", "print the outcome as JSON on stdout").action(train);
}

async function train(file: string, options: TrainOptions, command: Command): Promise<void> {
  if (options.resume && options.out === undefined)
    command.error("error: --resume needs --out DIR, the run to go on with");
  const config = parseConfig(applyOverrides(readConfigJson(file), options), file);
  const name = config.name ?? basename(file).replace(/\.json$/, "");
  const out = options.out ?? freshRunPath("runs", name);
  const examples = await loadExamples(config, dirname(file));
  const trainer = new Trainer({ ...examples, config, out, resume: options.resume, title: name });
  const interrupt = interruptSignal();
  const progress = showProgress(trainer);
  const sampled = { examples: 0, leftOut: 0 };
  trainer.on("step", ({ statistics: { examples, leftOut } }) => {
    sampled.examples += examples;
    sampled.leftOut += leftOut;
  });
  try {
    const result = await trainer.run(interrupt.signal);
    progress.stop();
    process.stdout.write(
      options.json ? `${JSON.stringify(outcome(result, out), null, 2)}\n` : summary(result, out, leftOutRow(sampled)),
    );
    if (result.stopped === "interrupted") process.exitCode = INTERRUPTED;
  } finally {
    progress.stop();
    interrupt.release();
  }
}

/** The commonest mistake of those who begin is a class that the model has not: nothing else on the terminal would tell. */
function leftOutRow({
  examples,
  leftOut,
}: {
  readonly examples: number;
  readonly leftOut: number;
}): [string, string][] {
  if (leftOut === 0) return [];
  const why = "their class is none of the model's, or their gradient is not finite (outside ε)";
  return [["left out", `${leftOut} of ${examples} sampled examples: ${why}`]];
}

function summary(result: TrainingResult, out: string, leftOut: readonly [string, string][]): string {
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
    ...leftOut,
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
    ...(result.test?.average ? { averageAccuracy: result.test.average.accuracy ?? null } : {}),
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
