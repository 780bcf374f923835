/** The figures of ready gradients as a terminal shows them. */
import { type TableColumn, table } from "../cli/format.js";
import type { GradientShape } from "./ready-gradients.js";
import type { GradientImplementation, KernelRow } from "./results.js";

export const GRADIENTS_TITLE = "clipping ready gradients: naive ↔ fused";

export const GRADIENTS_NOTE =
  "GB/s are the gradients' bytes over the time, however often they are read: naive reads them three times (norms, " +
  "scaling in place, sum). % of the time of plain reading of the same gradients in the same round. read, naive and " +
  "fused are kernels timed natively; clipAndSum and perExampleNorms are calls from JavaScript, whose own time shows in " +
  "the smallest. Sizes that fit a cache are read from it.";

interface Column extends TableColumn {
  value(rows: ReadonlyMap<GradientImplementation, KernelRow>): string;
}

const rate = (implementation: GradientImplementation): Column => ({
  title: `${implementation} GB/s`,
  right: true,
  value: (rows) => gigabytes(rows.get(implementation)),
});
const share = (implementation: GradientImplementation): Column => ({
  title: `${implementation} %`,
  right: true,
  value: (rows) => percent(rows.get(implementation)),
});

const columns: readonly Column[] = [
  { title: "gradients", right: true, value: (rows) => byteSize(one(rows).bytes) },
  { title: "rows × floats", right: true, value: (rows) => `${one(rows).examples} × ${one(rows).columns}` },
  rate("read"),
  rate("naive"),
  rate("fused"),
  rate("clipAndSum"),
  rate("perExampleNorms"),
  { title: "naive/fused", right: true, value: (rows) => rows.get("naive")?.overFused.toFixed(2) ?? "–" },
  share("naive"),
  share("fused"),
  share("perExampleNorms"),
];

/** A line for each shape. */
export function gradientTable(rows: readonly KernelRow[]): string {
  const lines = byShape(rows).map((shape) => columns.map((column) => column.value(shape)));
  return `${GRADIENTS_TITLE}\n\n${table(columns, lines)}\n\n${GRADIENTS_NOTE}`;
}

/** `64 MB of gradients, rows of 1024`. */
export function shapeName({ bytes, columns: floats }: GradientShape): string {
  return `${byteSize(bytes)} of gradients, rows of ${floats}`;
}

/** `16 KB`, `1 GB`: of powers of two. */
export function byteSize(bytes: number): string {
  if (bytes < 2 ** 20) return `${bytes / 2 ** 10} KB`;
  return bytes < 2 ** 30 ? `${bytes / 2 ** 20} MB` : `${bytes / 2 ** 30} GB`;
}

function byShape(rows: readonly KernelRow[]): Map<GradientImplementation, KernelRow>[] {
  const shapes = new Map<string, Map<GradientImplementation, KernelRow>>();
  for (const row of rows) {
    const rowsOfShape = shapes.get(shapeName(row)) ?? new Map<GradientImplementation, KernelRow>();
    shapes.set(shapeName(row), rowsOfShape.set(row.implementation, row));
  }
  return [...shapes.values()];
}

function one(rows: ReadonlyMap<GradientImplementation, KernelRow>): KernelRow {
  return [...rows.values()][0] as KernelRow;
}

function gigabytes(row: KernelRow | undefined): string {
  return row === undefined ? "–" : row.gigabytesPerSecond.toPrecision(3);
}

function percent(row: KernelRow | undefined): string {
  return row === undefined ? "–" : (100 * row.ofReading).toFixed(0);
}
