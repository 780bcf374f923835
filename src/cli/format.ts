/** Numbers and tables as the terminal shows them. */

export { short } from "../report/numbers.js";

/** `850 B`, `12.3 KB`, `4.56 MB`. */
export function bytes(count: number): string {
  return scaled(count, ["B", "KB", "MB", "GB", "TB"], 1024);
}

/** `1.23 MFLOP`. */
export function flops(count: number): string {
  return scaled(count, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"], 1000);
}

/** `42 s`, `3 m 05 s`, `2 h 10 m`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} m`;
}

export interface TableColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Columns as wide as their widest cell, two spaces apart, a line under the head. */
export function table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ right }, i) =>
        right ? (cells[i] ?? "").padStart(widths[i] ?? 0) : (cells[i] ?? "").padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join("\n");
}

function scaled(count: number, units: readonly string[], base: number): string {
  let value = count;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
