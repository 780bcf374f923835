/** `hushgrad audit CONFIG.json`: what a training can be seen to leak, beside what is claimed for it. Exit code 1: more. */
import { dirname, join } from "node:path";
import { type Command, Option } from "commander";
import { type AuditMode, type AuditReport, audit, auditModes } from "../audit/index.js";
import { roundDown, roundUp } from "../privacy/rounding.js";
import { readConfig } from "../training/config.js";
import { loadData } from "../training/data-config.js";
import { makeFolder, writeAtomically } from "../training/files.js";
import { duration, short, table } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { numberFlag } from "./number-flag.js";

interface AuditFlags {
  readonly mode: AuditMode;
  readonly runs?: number;
  readonly canaries?: number;
  readonly steps?: number;
  readonly confidence?: number;
  readonly seed?: number;
  readonly json?: boolean;
  readonly out?: string;
}

const INTERRUPTED = 130;
const count = numberFlag({ min: 8, max: 1e6, integer: true });

export function register(program: Command): void {
  program
    .command("audit")
    .description("lower bounds on ε from attacks on the configuration's own training; exit code 1 if above the claim")
    .argument("<config>", "configuration, JSON")
    .addOption(new Option("--mode <mode>").choices(auditModes).default("white-box"))
    .option("--runs <n>", "white-box: trainings, half with the canary, half without (default: 1000)", count)
    .option("--canaries <n>", "one-run, membership: records that may be in the data (default: 1000)", count)
    .option(
      "--steps <n>",
      "steps of a training (default: the configuration's; white-box: at most 100)",
      numberFlag({ min: 1, max: Number.MAX_SAFE_INTEGER, integer: true }),
    )
    .option(
      "--confidence <p>",
      "a right claim passes with this probability (default: 0.95)",
      numberFlag({ min: 0.5, max: 1, openMin: true, openMax: true }),
    )
    .option("--seed <n>", "repeat an audit", numberFlag({ min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }))
    .option("-o, --out <dir>", "folder for audit.json")
    .option("--json", "print the outcome as JSON on stdout")
    .action(run);
}

async function run(file: string, { mode, json, out, ...options }: AuditFlags): Promise<void> {
  const config = readConfig(file);
  const { train } = await loadData(config.data, dirname(file));
  if (out !== undefined) makeFolder(out);
  const interrupt = interruptSignal();
  try {
    const { signal } = interrupt;
    const report = await audit(mode, { ...options, config, train, signal, onProgress: progressLine(process.stderr) });
    const answer = `${JSON.stringify(report, null, 2)}\n`;
    if (out !== undefined) writeAtomically(join(out, "audit.json"), answer);
    process.stdout.write(json ? answer : text(report));
    if (report.verdict === "violation") process.exitCode = 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("Interrupted: no verdict.\n");
    process.exitCode = INTERRUPTED;
  } finally {
    interrupt.release();
  }
}

/** Whole per cents, on a terminal alone. */
function progressLine(stream: NodeJS.WriteStream): (done: number) => void {
  let shown = -1;
  return (done) => {
    const percent = Math.floor(100 * done);
    if (!stream.isTTY || percent === shown) return;
    shown = percent;
    stream.write(done < 1 ? `\raudit: ${percent} %` : "\r\u001b[K");
  };
}

function text(report: AuditReport): string {
  const { claim, shown, most } = report;
  const row = (name: string, least: number | undefined, best: number | undefined) =>
    least === undefined || best === undefined ? [] : [[name, epsilon(least), epsilon(best)]];
  const rows = [
    ...row("the claimed mechanism with less noise", shown.epsilon, most.epsilon),
    ...row("a Gaussian mechanism", shown.gaussian?.epsilon, most.gaussian?.epsilon),
    ...row("any mechanism", shown.plain, most.plain),
  ];
  const columns = [
    { title: `ε at δ = ${short(claim.delta)} of` },
    { title: "shown, at least", right: true },
    { title: "most it could show", right: true },
  ];
  return `${[...head(report), "", table(columns, rows), "", ...notes(report), ...verdict(report)].join("\n")}\n`;
}

function epsilon(value: number): string {
  return String(roundDown(value, 4));
}

function head({ mode, claim, runs, canaries, records, confidence, seconds }: AuditReport): string[] {
  const { samplingRate, noiseMultiplier, steps, configuredSteps } = claim;
  const what =
    mode === "white-box"
      ? `${runs} runs, ${runs / 2} with a canary and ${runs / 2} without, beside ${records} records`
      : `one run, ${canaries} ${mode === "one-run" ? "canaries" : "records"} in the data with probability ½, beside ${records} records`;
  const part = `${steps} steps${steps === configuredSteps ? "" : ` (the configuration has ${configuredSteps})`}`;
  return [
    `${mode}: ${what} (${duration(seconds)})`,
    `q = ${short(samplingRate)}, σ = ${short(noiseMultiplier)}, ${part}, confidence ${confidence}`,
  ];
}

function notes({ share, errors, guesses, noise, roc }: AuditReport): string[] {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  return [
    ...(share === undefined ? [] : [`canaries' clipped gradients: ${percent(share)} of the sensitivity`]),
    ...(errors
      ? [`false alarms ${errors.falseAlarms} of ${errors.without}, misses ${errors.misses} of ${errors.with}`]
      : []),
    ...(guesses ? [`right guesses ${guesses.map(({ made, right }) => `${right} of ${made}`).join(", ")}`] : []),
    ...(noise
      ? [`noise: ${noise.deviation.toFixed(4)} of the claimed deviation, correlation ${noise.correlation.toFixed(4)}`]
      : []),
    ...(roc ? [`area under the ROC curve ${interval(roc.auc)}`] : []),
    ...(roc?.truePositives ?? []).map(
      (rate) => `true positives at ${percent(rate.falseAlarms)} false alarms: ${interval(rate)}`,
    ),
  ];
}

function interval({
  value,
  low,
  high,
}: {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}): string {
  return `${value.toFixed(4)} (${low.toFixed(4)} … ${high.toFixed(4)})`;
}

function verdict({ claim, shown, violations }: AuditReport): string[] {
  const claimed = `claimed ε = ${roundUp(claim.epsilon, 4)}`;
  if (violations.length > 0) return [`VIOLATION: ${claimed}, but`, ...violations.map((reason) => `- ${reason}`)];
  return [`${claimed} ≥ ${epsilon(shown.epsilon)} shown: consistent`];
}
