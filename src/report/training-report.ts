/** The page of one training run: curves of loss, accuracy and ε, the settings and what the guarantee rests on. */
import type { MetricsRow } from "../training/metrics.js";
import { type LineChart, lineChartSvg, type Series } from "./chart.js";
import { short } from "./numbers.js";
import { chartCard, flatten, renderPage, type Tile, tableCard, tiles } from "./page.js";

export interface TrainingReport {
  readonly title: string;
  /** `private`: ε holds; `seeded`: anyone with the seed can remove the noise; `none`: no noise at all. */
  readonly privacy: "private" | "seeded" | "none";
  readonly status: "finished" | "budget" | "interrupted";
  readonly epsilon?: number | undefined;
  readonly targetEpsilon?: number | undefined;
  readonly delta?: number | undefined;
  readonly noiseMultiplier?: number | undefined;
  readonly samplingRate: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly metrics: readonly MetricsRow[];
  /** Shown as it is, nested keys joined by dots. */
  readonly settings: unknown;
  /** The content of privacy.json. */
  readonly statement: unknown;
}

const STATUS = { finished: "finished", budget: "stopped at its budget", interrupted: "interrupted" } as const;
const OUTSIDE = "outside ε";
const ACCENT = "var(--accent)";
const SECOND = "var(--second)";

/** The whole page as HTML text. */
export async function trainingReport(report: TrainingReport): Promise<string> {
  const cards = [lossCard, accuracyCard, diceCard, epsilonCard].map((card) => card(report));
  const [loss, accuracy, dice, epsilon] = (await Promise.all(cards)) as [string, string, string, string];
  const settings = tableCard("Settings", flatten(report.settings));
  const guarantee = tableCard("Guarantee", flatten(report.statement));
  const columns = [column(epsilon, settings), column(guarantee)];
  return renderPage({
    title: report.title,
    badge: badge(report),
    subtitle: `${STATUS[report.status]}, ${report.steps} steps in ${duration(report.seconds)}`,
    body: `${tiles(summary(report))}<div class="grid">${loss}${accuracy}${dice}</div><div class="grid">${columns.join("")}</div>`,
    footer:
      "Inside ε: the model after each step. Outside ε, because computed from the records without noise: loss, accuracy, Dice, " +
      "sampled batch sizes, times and memory. Do not publish what is marked so where the records are private.",
  });
}

function column(...cards: readonly string[]): string {
  return `<div class="column">${cards.join("")}</div>`;
}

/** What a run may call itself. */
export function privacyBadge(privacy: TrainingReport["privacy"], epsilon?: number, delta?: number): string {
  if (privacy === "seeded") return "seeded: not private";
  if (privacy === "none") return "not private";
  return `ε = ${number(epsilon)}, δ = ${number(delta)}`;
}

function badge(report: TrainingReport): { text: string; tone: "good" | "warn" } {
  const text = privacyBadge(report.privacy, report.epsilon, report.delta);
  return { text, tone: report.privacy === "private" ? "good" : "warn" };
}

function summary(report: TrainingReport): Tile[] {
  const seeded = report.privacy === "seeded" ? { note: "seeded: not private" } : {};
  return [
    ...lastTest(report, "Test accuracy", "testAccuracy", percent),
    ...lastTest(report, "Test Dice", "testMeanDice", (dice) => dice.toFixed(4)),
    ...lastTest(report, "Pixel accuracy", "testPixelAccuracy", percent),
    ...(report.privacy === "none" ? [] : [{ label: "Privacy loss ε", value: number(report.epsilon), ...seeded }]),
    ...(report.privacy === "none" ? [] : [{ label: "Delta δ", value: number(report.delta) }]),
    { label: "Noise σ", value: number(report.noiseMultiplier ?? 0) },
    { label: "Sampling rate q", value: number(report.samplingRate) },
    ...sparsification(report),
    { label: "Steps", value: String(report.steps) },
    { label: "Peak memory", value: `${(report.peakBytes / 2 ** 20).toFixed(0)} MiB`, note: OUTSIDE },
  ];
}

type TestScore = "testAccuracy" | "testMeanDice" | "testPixelAccuracy";

function lastTest(report: TrainingReport, label: string, key: TestScore, show: (score: number) => string): Tile[] {
  const score = report.metrics.findLast((row) => row[key] !== undefined)?.[key];
  return score === undefined ? [] : [{ label, value: show(score), note: OUTSIDE }];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function sparsification(report: TrainingReport): Tile[] {
  const rate = report.metrics.findLast((row) => row.sparsificationRate !== undefined)?.sparsificationRate;
  if (rate === undefined) return [];
  return [{ label: "Sparsification", value: `${number(100 * rate)} %`, note: "in the last step; public" }];
}

function lossCard(report: TrainingReport): Promise<string> {
  const series = present([
    { label: "training, one step", color: ACCENT, faint: true, points: points(report, "trainLoss") },
    { label: "training, mean of an epoch", color: ACCENT, points: epochMeans(report, "trainLoss") },
    { label: "test", color: SECOND, points: points(report, "testLoss") },
  ]);
  return card("Loss", OUTSIDE, { description: "Loss by epoch", yTitle: "loss", series });
}

function accuracyCard(report: TrainingReport): Promise<string> {
  const series = present([
    { label: "test", color: SECOND, points: points(report, "testAccuracy") },
    { label: "test, by pixel", color: SECOND, points: points(report, "testPixelAccuracy") },
  ]);
  return card("Accuracy", OUTSIDE, {
    description: "Test accuracy by epoch",
    yTitle: "accuracy",
    yFormat: ".1%",
    series,
  });
}

function diceCard(report: TrainingReport): Promise<string> {
  const series = present([{ label: "test, mean of classes", color: SECOND, points: points(report, "testMeanDice") }]);
  return card("Dice", OUTSIDE, { description: "Test Dice by epoch", yTitle: "Dice coefficient", series });
}

function epsilonCard(report: TrainingReport): Promise<string> {
  const spent = points(report, "epsilon");
  if (spent.length === 0) return Promise.resolve("");
  const last = spent.at(-1)?.x ?? 0;
  const target = report.targetEpsilon;
  const line =
    target === undefined
      ? []
      : [
          { x: 0, y: target },
          { x: last, y: target },
        ];
  const series = present([
    { label: "spent", color: ACCENT, points: [{ x: 0, y: 0 }, ...spent] },
    { label: "budget", color: SECOND, dashed: true, points: line },
  ]);
  const note = report.privacy === "seeded" ? "seeded: not private" : "inside ε";
  return card("Privacy loss ε", note, {
    description: "Privacy loss by epoch",
    yTitle: "ε",
    yScale: { zero: true },
    series,
  });
}

async function card(title: string, note: string, chart: Omit<LineChart, "xTitle">): Promise<string> {
  if (chart.series.length === 0) return "";
  return chartCard(title, await lineChartSvg({ ...chart, xTitle: "epoch" }), chart.series, note);
}

function present(series: readonly Series[]): Series[] {
  return series.filter(({ points }) => points.length > 0);
}

function points(report: TrainingReport, key: "trainLoss" | "testLoss" | TestScore | "epsilon") {
  return report.metrics.flatMap((row) => {
    const y = row[key];
    return y === undefined ? [] : [{ x: row.step / report.stepsPerEpoch, y }];
  });
}

function epochMeans(report: TrainingReport, key: "trainLoss") {
  const byEpoch = new Map<number, { sum: number; count: number }>();
  for (const row of report.metrics) {
    const value = row[key];
    if (value === undefined) continue;
    const mean = byEpoch.get(row.epoch) ?? { sum: 0, count: 0 };
    byEpoch.set(row.epoch, { sum: mean.sum + value, count: mean.count + 1 });
  }
  return [...byEpoch].map(([epoch, { sum, count }]) => ({ x: epoch - 0.5, y: sum / count }));
}

function number(value: number | undefined): string {
  return value === undefined ? "unknown" : short(value);
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
