/** The figures as a terminal shows them. */
import { type TableColumn, table } from "../cli/format.js";
import { gradientTable } from "./gradient-text.js";
import type { BenchResult, BenchRow, SkippedRow } from "./results.js";

interface Column extends TableColumn {
  value(row: BenchRow): string;
}

const left: readonly Column[] = [
  { title: "workload", value: ({ workload }) => workload },
  { title: "engine", value: ({ engine }) => engine },
  { title: "strategy", value: ({ strategy }) => strategy },
  { title: "private", value: (row) => (row.private ? "yes" : "no") },
];

const right: readonly Omit<Column, "right">[] = [
  { title: "examples/s", value: (row) => row.examplesPerSecond.toFixed(row.examplesPerSecond < 10 ? 1 : 0) },
  { title: "ms a step", value: (row) => milliseconds(row.msPerStep) },
  { title: "quartiles", value: ({ msQuartiles: [low, high] }) => `${milliseconds(low)}–${milliseconds(high)}` },
  { title: "× none", value: ({ overhead }) => ratio(overhead) },
  { title: "× auto", value: ({ overAuto }) => ratio(overAuto) },
  { title: "peak MB", value: ({ peakBytes }) => megabytes(peakBytes) },
  { title: "planned MB", value: ({ plannedBytes }) => (plannedBytes === undefined ? "–" : megabytes(plannedBytes)) },
];

const columns: readonly Column[] = [...left, ...right.map((column) => ({ ...column, right: true }))];

/** Table, what was left out and why, and what the columns mean. */
export function resultText(result: BenchResult): string {
  const rows = result.rows.map((row) => columns.map((column) => column.value(row)));
  const { machine } = result;
  return [
    `${machine.cpu}, ${machine.cores} cores (${machine.features.join(", ")}), Node.js ${machine.node}, ${libraries(result)}`,
    "",
    table(columns, rows),
    "",
    NOTE,
    ...(result.kernels.length > 0 ? ["", gradientTable(result.kernels)] : []),
    ...(result.skipped.length > 0 ? ["", ...result.skipped.map(skippedLine)] : []),
  ].join("\n");
}

export const NOTE =
  "Medians over rounds in which all took turns; ratios to hushgrad's none and auto of the same round. Private steps " +
  "include noise and update. Peak: resident memory above that before model and data.";

export function skippedLine({ workload, engine, strategy, reason, missing }: SkippedRow): string {
  return `${missing ? "skipped" : "FAILED"}: ${workload}, ${engine} ${strategy}: ${reason}`;
}

export function libraries({ machine }: BenchResult): string {
  return Object.entries(machine.libraries)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
}

/** Three significant digits: `4.81`, `14.2`, `387`. */
export function milliseconds(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

export function ratio(value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(2);
}

export function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0);
}
