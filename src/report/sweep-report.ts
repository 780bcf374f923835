/**
 * The page over several runs: what they reached and what they spent over their noise multipliers, a line for each variant
 * and model, of the mean where several runs differ in their seed alone. Everything but ε is computed from the records without noise, and marked so.
 */
import type { CellRun } from "../sweep/runs.js";
import type { Selected } from "../sweep/selection.js";
import type { SpentTogether } from "../sweep/spent.js";
import type { MetricsRow } from "../training/metrics.js";
import { type LineChart, lineChartSvg, type Series } from "./chart.js";
import { lineLabel } from "./line-label.js";
import { epsilonText, short } from "./numbers.js";
import { chartCard, gridCard, renderPage, textCard } from "./page.js";
import { remarks } from "./sweep-remarks.js";

export interface SweepReport {
  readonly title: string;
  readonly notes: readonly string[];
  readonly runs: readonly CellRun[];
  /** Names of cells that have not begun. */
  readonly missing: readonly string[];
  /** Why cells cannot be read. */
  readonly damaged: readonly string[];
  /** Undefined where no run is private, or what one has spent cannot be told. */
  readonly spent?: SpentTogether | undefined;
  /** Where the best of the runs is to be published alone: what that costs. */
  readonly selected?: Selected | undefined;
  /** Markup of the pictures, where there are any. */
  readonly pictures?: string | undefined;
}

const OUTSIDE = "outside ε";
const COLORS = 8;
const MOST_TICKS = 12;
/** From this ratio on, values of ε are shown on a log scale. */
const WIDE = 20;

interface Quantity {
  readonly title: string;
  readonly unit: string;
  readonly inside?: boolean;
  readonly format?: string;
  of(run: CellRun): number | undefined;
  text(value: number): string;
}

const last = (key: keyof MetricsRow) => (run: CellRun) => run.metrics.findLast((row) => row[key] !== undefined)?.[key];
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const decimals = (value: number) => value.toFixed(4);

const quantities: readonly Quantity[] = [
  { title: "Training loss", unit: "loss, mean of the last epoch", of: lastEpochLoss, text: decimals },
  { title: "Validation loss", unit: "loss", of: last("testLoss"), text: decimals },
  { title: "Dice", unit: "mean of classes", of: last("testMeanDice"), text: decimals },
  { title: "Accuracy", unit: "accuracy", format: ".0%", of: last("testAccuracy"), text: percent },
  { title: "Pixel accuracy", unit: "accuracy", format: ".0%", of: last("testPixelAccuracy"), text: percent },
  {
    title: "Time",
    unit: "seconds, evaluation included",
    of: ({ seconds }) => seconds,
    text: (value) => `${value.toFixed(0)} s`,
  },
  { title: "Privacy loss ε", unit: "ε of one example", inside: true, of: epsilonOf, text: epsilonText },
];

/** The whole page as HTML text: nothing is fetched, no scripts. */
export async function sweepReport(report: SweepReport): Promise<string> {
  const { title, runs, missing, spent, pictures = "" } = report;
  const shown = quantities.filter((quantity) => runs.some((run) => isKnown(quantity.of(run))));
  const charts = await Promise.all(shown.map((quantity) => chartOf(quantity, runs)));
  const finished = runs.filter(({ status }) => status === "finished" || status === "budget").length;
  return renderPage({
    title,
    badge: spent
      ? { text: `all together: ε = ${epsilonText(spent.epsilon)}, δ = ${short(spent.delta)}`, tone: "warn" }
      : { text: "no ε for all together", tone: "warn" },
    subtitle: `${finished} of ${runs.length + missing.length + report.damaged.length} cells finished`,
    body:
      textCard("What this page says, and what it does not", remarks(report)) +
      `<div class="grid">${charts.join("")}</div>${pictures}${table(runs, shown)}`,
    footer:
      "Inside ε: the models after each step of a private cell. Outside ε, because computed from the records without noise: " +
      "losses, Dice, accuracies, times and pictures. Do not publish what is marked so where the records are private.",
  });
}

async function chartOf(quantity: Quantity, runs: readonly CellRun[]): Promise<string> {
  const noises = [...new Set(runs.flatMap(({ noiseMultiplier }) => noiseMultiplier ?? []))].sort((a, b) => a - b);
  const series = seriesOf(quantity, runs, noises);
  const chart: LineChart = {
    description: `${quantity.title} by noise multiplier`,
    xTitle: "noise multiplier σ",
    yTitle: quantity.unit,
    series,
    ...(quantity.format ? { yFormat: quantity.format } : {}),
    ...(noises.length <= MOST_TICKS ? { xTicks: noises.map((value) => ({ value, label: short(value) })) } : {}),
    yScale: { type: quantity.inside && isWide(series) ? "log" : "linear" },
  };
  const legend = series.filter(({ scattered }) => !scattered);
  return chartCard(quantity.title, await lineChartSvg(chart), legend, quantity.inside ? "inside ε" : OUTSIDE);
}

function seriesOf(quantity: Quantity, runs: readonly CellRun[], noises: readonly number[]): Series[] {
  return lines(runs).flatMap(({ label, members }, i): Series[] => {
    const points = members.flatMap((run) => pointsOf(run, quantity.of(run), noises));
    if (points.length === 0) return [];
    const color = `var(--series-${(i % COLORS) + 1})`;
    const { means, most } = meansOf(points);
    const dashed = members.every(({ noiseMultiplier }) => noiseMultiplier === undefined);
    if (most === 1) return [{ label, color, points: means, dashed, dotted: !dashed }];
    return [
      { label: `${label}, mean of ${most} runs`, color, points: means, dashed },
      { label, color, points, scattered: true },
    ];
  });
}

/** The mean at each place from left to right, and of how many points the most are. */
function meansOf(points: readonly Point[]): { means: Point[]; most: number } {
  const places = new Map<number, number[]>();
  for (const { x, y } of points) places.set(x, [...(places.get(x) ?? []), y]);
  const means = [...places].map(([x, ys]) => ({ x, y: ys.reduce((sum, y) => sum + y, 0) / ys.length }));
  return { means: means.sort((a, b) => a.x - b.x), most: Math.max(...[...places.values()].map((ys) => ys.length)) };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Without noise there is no place on the axis: a level beside the others, all along. */
function pointsOf({ noiseMultiplier }: CellRun, y: number | undefined, noises: readonly number[]): Point[] {
  if (!isKnown(y)) return [];
  if (noiseMultiplier !== undefined) return [{ x: noiseMultiplier, y }];
  const [first = 0, end = first] = [noises[0], noises.at(-1)];
  return first === end
    ? [{ x: first, y }]
    : [
        { x: first, y },
        { x: end, y },
      ];
}

interface Line {
  readonly label: string;
  readonly members: CellRun[];
}

/** Runs that differ in their noise and their seed alone. */
function lines(runs: readonly CellRun[]): readonly Line[] {
  const found = new Map<string, Line>();
  for (const run of runs) {
    const label = lineLabel(run);
    const line = found.get(label) ?? { label, members: [] };
    line.members.push(run);
    found.set(label, line);
  }
  return [...found.values()];
}

function isWide(series: readonly Series[]): boolean {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y));
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) / least > WIDE;
}

function table(runs: readonly CellRun[], shown: readonly Quantity[]): string {
  const groups = [...new Set(runs.flatMap(({ config }) => config.privacy?.group?.name ?? []))];
  const columns = [
    { title: "cell" },
    { title: "status" },
    { title: "σ" },
    { title: "steps" },
    { title: "ε of one example" },
    ...groups.map((name) => ({ title: `ε of one ${name}` })),
    { title: "δ" },
    ...shown.filter(({ inside }) => !inside).map(({ title }) => ({ title, outside: true })),
  ];
  const rows = runs.map((run) => [
    run.name,
    run.status,
    run.noiseMultiplier === undefined ? "–" : short(run.noiseMultiplier),
    String(run.steps),
    privacyText(run, run.epsilon),
    ...groups.map((name) => (run.config.privacy?.group?.name === name ? privacyText(run, run.groupEpsilon) : "–")),
    run.config.privacy ? short(run.config.privacy.delta) : "–",
    ...shown.filter(({ inside }) => !inside).map((quantity) => valueText(quantity, run)),
  ]);
  return gridCard("Cells", columns, rows);
}

function valueText(quantity: Quantity, run: CellRun): string {
  const value = quantity.of(run);
  return isKnown(value) ? quantity.text(value) : "–";
}

function privacyText({ privacy }: CellRun, epsilon: number | undefined): string {
  if (privacy === "none") return "not private";
  return privacy === "seeded" ? "seeded: not private" : epsilonText(epsilon ?? Number.POSITIVE_INFINITY);
}

function epsilonOf({ privacy, epsilon }: CellRun): number | undefined {
  return privacy === "private" ? epsilon : undefined;
}

function lastEpochLoss({ metrics }: CellRun): number | undefined {
  const epoch = metrics.at(-1)?.epoch;
  const losses = metrics.flatMap((row) => (row.epoch === epoch ? (row.trainLoss ?? []) : []));
  return losses.length === 0 ? undefined : losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

function isKnown(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}
