/**
 * metrics.csv: one row a step, evaluation at the ends of epochs. What lies outside the guarantee says so in its
 * column's name, and so does every column of ε in a seeded run.
 */
import { existsSync, readFileSync } from "node:fs";
import { appendTo, writeAtomically } from "./files.js";

/** Undefined: not known at this step. */
export interface MetricsRow {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  /** C of this step: the Euclidean norm of the groups' thresholds. Adaptive ones are computed from noisy counts. */
  readonly threshold?: number | undefined;
  /** σ of this step; undefined in a run that is not private. */
  readonly noiseMultiplier?: number | undefined;
  /** Spent so far; undefined in a run that is not private. */
  readonly epsilon?: number | undefined;
  /** Share of the coordinates dropped in this step; public. */
  readonly sparsificationRate?: number | undefined;
  readonly trainLoss?: number | undefined;
  readonly sampled: number;
  readonly leftOut: number;
  readonly clipped: number;
  /** Seconds since the run began, interruptions not counted. */
  readonly seconds: number;
  readonly testLoss?: number | undefined;
  readonly testAccuracy?: number | undefined;
  /** Of models with one class a pixel; see `SegmentationScores`. */
  readonly testMeanDice?: number | undefined;
  readonly testPixelAccuracy?: number | undefined;
  /** Of the averaged parameters. */
  readonly averageTestLoss?: number | undefined;
  readonly averageTestAccuracy?: number | undefined;
}

const OUTSIDE = "outside_epsilon.";
const SEEDED = "epsilon (seeded: not private)";

interface Column {
  readonly key: keyof MetricsRow;
  readonly header: string;
}

function columns(seeded: boolean): readonly Column[] {
  return [
    { key: "step", header: "step" },
    { key: "epoch", header: "epoch" },
    { key: "learningRate", header: "learning_rate" },
    { key: "threshold", header: "threshold" },
    { key: "noiseMultiplier", header: "noise_multiplier" },
    { key: "epsilon", header: seeded ? SEEDED : "epsilon" },
    { key: "sparsificationRate", header: "sparsification_rate" },
    { key: "trainLoss", header: `${OUTSIDE}train_loss` },
    { key: "sampled", header: `${OUTSIDE}sampled` },
    { key: "leftOut", header: `${OUTSIDE}left_out` },
    { key: "clipped", header: `${OUTSIDE}clipped` },
    { key: "seconds", header: `${OUTSIDE}seconds` },
    { key: "testLoss", header: `${OUTSIDE}test_loss` },
    { key: "testAccuracy", header: `${OUTSIDE}test_accuracy` },
    { key: "testMeanDice", header: `${OUTSIDE}test_mean_dice` },
    { key: "testPixelAccuracy", header: `${OUTSIDE}test_pixel_accuracy` },
    { key: "averageTestLoss", header: `${OUTSIDE}average_test_loss` },
    { key: "averageTestAccuracy", header: `${OUTSIDE}average_test_accuracy` },
  ];
}

/** Appends rows to metrics.csv, held back up to `flushEvery` rows; `flush()` before anyone reads the file. */
export class MetricsFile {
  private pending = "";
  private held = 0;
  private readonly columns: readonly Column[];

  /**
   * Starts a new file, or with `keepThrough` goes on with the one that is there, dropping rows of later steps: steps
   * that were taken after the last checkpoint and died with their process.
   */
  constructor(
    private readonly path: string,
    seeded: boolean,
    keepThrough?: number,
    private readonly flushEvery = 50,
  ) {
    this.columns = columns(seeded);
    const header = this.columns.map((column) => column.header).join(",");
    const kept = keepThrough === undefined || !existsSync(path) ? [] : linesThrough(path, keepThrough);
    writeAtomically(path, `${[header, ...kept].join("\n")}\n`);
  }

  append(row: MetricsRow): void {
    this.pending += `${this.columns.map(({ key }) => cell(row[key])).join(",")}\n`;
    if (++this.held >= this.flushEvery) this.flush();
  }

  flush(): void {
    if (this.held === 0) return;
    appendTo(this.path, this.pending);
    this.pending = "";
    this.held = 0;
  }
}

/** Reads metrics.csv back. Lines that a crash cut short are left out. */
export function readMetrics(path: string): MetricsRow[] {
  const [header, ...lines] = readFileSync(path, "utf8").split("\n");
  const known = [...columns(true), ...columns(false)];
  const keys = (header ?? "").split(",").map((name) => known.find((column) => column.header === name)?.key);
  return lines
    .map((line) => line.split(","))
    .filter((cells) => cells.length === keys.length && cells[0] !== "")
    .map((cells) => parseRow(keys, cells));
}

function parseRow(keys: readonly (keyof MetricsRow | undefined)[], cells: readonly string[]): MetricsRow {
  const row: Partial<Record<keyof MetricsRow, number>> = {};
  keys.forEach((key, i) => {
    if (key && cells[i]) row[key] = Number(cells[i]);
  });
  return row as MetricsRow;
}

function linesThrough(path: string, step: number): string[] {
  const [, ...lines] = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "" && Number.parseInt(line, 10) <= step);
}

function cell(value: number | undefined): string {
  if (value === undefined) return "";
  return Number.isInteger(value) ? String(value) : value.toPrecision(7);
}
