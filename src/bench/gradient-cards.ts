/** Charts of the kernels over ready gradients: by size, and at one size by the length of a row. */
import { lineChartSvg, type Series } from "../report/chart.js";
import { chartCard } from "../report/page.js";
import { byteSize, GRADIENTS_TITLE } from "./gradient-text.js";
import { SHAPED_BYTES, sizes } from "./ready-gradients.js";
import type { GradientImplementation, KernelRow } from "./results.js";

interface Line extends Omit<Series, "points"> {
  readonly implementation: GradientImplementation;
}

const lines: readonly Line[] = [
  { implementation: "read", label: "reading alone", color: "var(--muted)", dashed: true },
  {
    implementation: "perExampleNorms",
    label: "norms: perExampleNorms()",
    color: "color-mix(in srgb, var(--accent) 45%, transparent)",
  },
  { implementation: "fused", label: "clip and sum, fused: one read", color: "var(--accent)" },
  { implementation: "clipAndSum", label: "the same called: clipAndSum()", color: "var(--accent)", dashed: true },
  { implementation: "naive", label: "clip and sum, naive: separate passes", color: "var(--second)" },
];

/** Markup of both charts; empty where nothing was measured. */
export async function gradientCards(rows: readonly KernelRow[]): Promise<string> {
  if (rows.length === 0) return "";
  const bySize = rows.filter((row) =>
    sizes.some(({ bytes, columns }) => row.bytes === bytes && row.columns === columns),
  );
  const byLength = rows.filter(({ bytes }) => bytes === SHAPED_BYTES);
  const cards = [
    await card(`${GRADIENTS_TITLE}, GB/s`, {
      rows: bySize,
      x: ({ bytes }) => bytes,
      xTitle: "gradients",
      tick: byteSize,
      y: ({ gigabytesPerSecond }) => gigabytesPerSecond,
      yTitle: "GB/s of gradients",
      yType: "log",
    }),
    await card(`${GRADIENTS_TITLE}, % of reading, ${byteSize(SHAPED_BYTES)}`, {
      rows: byLength,
      x: ({ columns }) => columns,
      xTitle: "floats a row",
      tick: String,
      y: ({ ofReading }) => 100 * ofReading,
      yTitle: "% of the read bandwidth",
      yType: "linear",
    }),
  ];
  return `<div class="grid">${cards.join("")}</div>`;
}

interface Card {
  readonly rows: readonly KernelRow[];
  x(row: KernelRow): number;
  readonly xTitle: string;
  tick(x: number): string;
  y(row: KernelRow): number;
  readonly yTitle: string;
  readonly yType: "linear" | "log";
}

async function card(title: string, { rows, x, xTitle, tick, y, yTitle, yType }: Card): Promise<string> {
  const series = lines.map(({ implementation, ...line }) => {
    const own = rows.filter((row) => row.implementation === implementation);
    return { ...line, dotted: true, points: own.map((row) => ({ x: x(row), y: y(row) })) };
  });
  const drawn = series.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return "";
  const places = [...new Set(rows.map(x))].sort((a, b) => a - b);
  const svg = await lineChartSvg({
    description: title,
    xTitle,
    yTitle,
    xScale: { type: "log" },
    xTicks: places.map((value) => ({ value, label: tick(value) })),
    yScale: { type: yType, zero: true },
    series: drawn,
  });
  return chartCard(title, svg, drawn);
}
