/** `hushgrad account`: ε of sampled Gaussian steps, of several runs together, or of the best of several, without training anything. */
import type { Command } from "commander";
import { Option } from "commander";
import { accountantNames, defaultAccountant, type EpsilonReport, makeAccountant } from "../privacy/accountant.js";
import { ranges } from "../privacy/check.js";
import { charged } from "../privacy/cycle.js";
import { discreteShortfall } from "../privacy/discrete-cost.js";
import { countSteps } from "../privacy/ledger-rows.js";
import { roundDown, roundUp } from "../privacy/rounding.js";
import { runLaws } from "../privacy/selection.js";
import { type TradeOffPoint, tradeOff } from "../privacy/trade-off.js";
import { writeOutput } from "../training/files.js";
import { addCorrelationOptions } from "./account-correlation.js";
import { type AccountedRows, type RowOptions, rowsOf } from "./account-rows.js";
import { type Answerer, answererOf, type SelectOptions } from "./account-select.js";
import { short, table } from "./format.js";
import { numberFlag } from "./number-flag.js";
import { addSampling, type SampledSteps, type SamplingFlags, sampledSteps } from "./sampling-flags.js";

interface AccountOptions extends RowOptions, SelectOptions, SamplingFlags {
  readonly delta: number;
  readonly curve?: boolean;
  readonly tradeOff?: string;
  readonly json?: boolean;
}

const proofs: Readonly<Record<NonNullable<EpsilonReport["proof"]>, string>> = {
  pld: "by the privacy loss distribution",
  rdp: "by Rényi divergence",
  gaussian: "by the Gaussian mechanism's exact curve",
};

const INCOMPLETE =
  "error: give --sampling-rate, --noise-multiplier and --steps, or --compose FILE instead of them and of a sampler";

export function register(program: Command): void {
  const command = addSampling(program.command("account"))
    .description("ε at δ after a number of sampled Gaussian steps")
    .option("--sampling-rate <q>", "probability of each example to be in a batch", numberFlag(ranges.samplingRate))
    .option("--noise-multiplier <sigma>", "noise over sensitivity", numberFlag(ranges.noiseMultiplier))
    .option("--steps <n>", "number of steps", numberFlag(ranges.steps))
    .option("--compose <file>", "instead: JSON of several runs' mechanisms on the same data (docs/accounting.md)")
    .requiredOption("--delta <delta>", "δ", numberFlag(ranges.delta));
  addCorrelationOptions(command)
    .option("--accountant <name>", accountantNames.join(" | "), defaultAccountant)
    .addOption(
      new Option("--select <law>", "of the best of several such runs: all of a fixed number, or by a law").choices([
        "all",
        ...runLaws,
      ]),
    )
    .option("--runs <mean>", "how many runs, on average", numberFlag({ min: 0, max: 1e6, openMin: true }))
    .option("--shape <eta>", "of the law negativeBinomial", numberFlag({ min: -1, max: 50, openMin: true }))
    .option("--curve", "ε at δ = 1e-3 … 1e-12 as well")
    .option("--trade-off <file.svg>", "draw the trade-off function: errors of a test for one example")
    .option("--json", "print JSON: ε is null where there is no guarantee")
    .action((options: AccountOptions, command: Command) => {
      const sampled = sampledSteps(options, command);
      const accounted = rowsOf(options, sampled) ?? command.error(INCOMPLETE);
      const answer = answerOf(options, accounted, sampled);
      process.stdout.write(options.json ? json(options, answer) : text(options, answer));
      if (options.curve && !options.json) process.stdout.write(`\n${curveTable(answer.curve)}\n`);
      return options.tradeOff === undefined ? undefined : draw(options.tradeOff, answer);
    });
}

function answerOf(options: AccountOptions, accounted: AccountedRows, sampled: SampledSteps): Answer {
  const exact = answererOf(options, accounted.rows);
  const answerer = isReached(accounted.rows, sampled) ? exact : { ...exact, report: withoutLower(exact.report) };
  const report = answerer.report(options.delta);
  return {
    ...accounted,
    sampled,
    answerer,
    report,
    why: Number.isFinite(report.epsilon) ? undefined : whyInfinite(options, accounted),
    curve: options.curve ? curveOf(answerer) : [],
    tradeOff: options.tradeOff === undefined ? [] : tradeOff(answerer.quick),
  };
}

/** Whether data may cost what the steps are accounted as: samplers may do less than that, and cycles be cut short. */
function isReached(rows: AccountedRows["rows"], { config }: SampledSteps): boolean {
  if (config.type === "shuffle" || config.type === "bMinSep") return false;
  return rows.every(({ cycle = 1, steps }) => steps % cycle === 0);
}

function withoutLower(reportAt: Answerer["report"]): Answerer["report"] {
  return (delta) => {
    const { lower, ...report } = reportAt(delta);
    return report;
  };
}

/** What there is to say beside too little noise. */
function whyInfinite({ accountant, select, delta }: AccountOptions, { rows }: AccountedRows): string | undefined {
  if (select !== undefined) return undefined;
  return discreteShortfall(rows.flatMap(charged), delta, (some) => makeAccountant(accountant).epsilonWith(some, delta));
}

interface Answer extends AccountedRows {
  readonly sampled: SampledSteps;
  readonly answerer: Answerer;
  readonly report: EpsilonReport;
  /** Why ε is infinite, where that can be told. */
  readonly why: string | undefined;
  readonly curve: readonly CurvePoint[];
  readonly tradeOff: readonly TradeOffPoint[];
}

type CurvePoint = EpsilonReport & { readonly delta: number };

const curveDeltas = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12];

function curveOf(answerer: Answerer): CurvePoint[] {
  return curveDeltas.map((delta) => ({ delta, ...answerer.report(delta) }));
}

function curveTable(curve: readonly CurvePoint[]): string {
  const rows = curve.map(({ delta, epsilon, lower }) => [
    short(delta),
    Number.isFinite(epsilon) ? String(roundUp(epsilon, 6)) : "infinite",
    lower === undefined ? "" : String(roundDown(lower, 6)),
  ]);
  return table([{ title: "δ" }, { title: "ε", right: true }, { title: "not below", right: true }], rows);
}

async function draw(path: string, { tradeOff, rows }: Answer): Promise<void> {
  // The plots take half a second to load, and other answers none of it.
  const { tradeOffSvg } = await import("../report/trade-off-chart.js");
  writeOutput(path, await tradeOffSvg(tradeOff, `trade-off function of ${countSteps(rows)} steps`));
}

function json(options: AccountOptions, answer: Answer): string {
  const { rows, relation, sampled, answerer, report, why, curve } = answer;
  const { samplingRate, noiseMultiplier, steps, delta } = options;
  const { epsilon, lower, proof, order } = report;
  const content = {
    epsilon: Number.isFinite(epsilon) ? epsilon : null,
    accountant: answerer.name,
    upperBound: answerer.upperBound,
    ...(lower === undefined ? {} : { epsilonLower: lower }),
    ...(proof === undefined ? {} : { proof }),
    ...(order === undefined ? {} : { order }),
    ...(options.compose === undefined ? { samplingRate, noiseMultiplier, steps } : {}),
    ...(options.correlation === undefined
      ? {}
      : { correlation: options.correlation, participation: options.participation }),
    ...((options.compose ?? options.correlation) ? { mechanisms: rows } : {}),
    ...(samplingRate === undefined ? {} : sampled.facts(samplingRate)),
    delta,
    relation,
    ...(why === undefined ? {} : { noGuaranteeBecause: why }),
    ...(answerer.selection ? { selection: answerer.selection } : {}),
    ...(options.curve ? { curve: curve.map(curveJson) } : {}),
    ...(options.tradeOff === undefined ? {} : { tradeOff: answer.tradeOff }),
  };
  return `${JSON.stringify(content)}\n`;
}

function curveJson({ delta, epsilon, lower }: CurvePoint): Record<string, number | null> {
  return {
    delta,
    epsilon: Number.isFinite(epsilon) ? epsilon : null,
    ...(lower === undefined ? {} : { epsilonLower: lower }),
  };
}

function text(options: AccountOptions, { rows, relation, sampled, answerer, report, why }: Answer): string {
  const { epsilon, lower, proof, order } = report;
  const { samplingRate, noiseMultiplier, steps, delta } = options;
  const one = `q = ${short(samplingRate ?? 1)}, σ = ${short(noiseMultiplier ?? 0)}, ${steps} steps${sampled.text}`;
  const what = options.compose === undefined ? one : `${rows.length} mechanisms, ${countSteps(rows)} steps`;
  const best = answerer.selection
    ? `, the best of ${answerer.selection.mean} such runs (${answerer.selection.law})`
    : "";
  const correlated =
    options.correlation === undefined ? "" : `, noise ${options.correlation}, examples ${options.participation}`;
  const setting = `${what}${correlated}, ${relation}${best}`;
  const because = why === undefined ? "" : `: ${why}`;
  if (!Number.isFinite(epsilon)) return `no guarantee: ε is infinite at δ = ${short(delta)} (${setting})${because}\n`;
  const kind = answerer.upperBound
    ? `${answerer.name}, an upper bound${proof === undefined ? "" : ` ${proofs[proof]}`}`
    : `${answerer.name}: an approximation, may under-report`;
  const by = order === undefined ? "" : `, order ${order}`;
  const exact = lower === undefined ? "" : `, none below ${roundDown(lower, 6)} holds`;
  return `ε = ${roundUp(epsilon, 6)} at δ = ${short(delta)} (${kind}${by}${exact}; ${setting})\n`;
}
