/** The trade-off function as an SVG file of its own, beside that of perfect privacy. */
import type { TradeOffPoint } from "../privacy/trade-off.js";
import { lineChartSvg } from "./chart.js";

const colours: Readonly<Record<string, string>> = {
  "var(--accent)": "#2563eb",
  "var(--muted)": "#6b7280",
  "var(--grid)": "#e5e7eb",
};

/** SVG text. */
export async function tradeOffSvg(points: readonly TradeOffPoint[], description: string): Promise<string> {
  const svg = await lineChartSvg({
    description,
    xTitle: "false positives of a test for one example",
    yTitle: "false negatives, at least",
    width: 420,
    height: 380,
    yScale: { zero: true, domain: [0, 1] },
    series: [
      {
        label: "this run",
        color: "var(--accent)",
        points: points.map((at) => ({ x: at.falsePositive, y: at.falseNegative })),
      },
      {
        label: "nothing learnt",
        color: "var(--muted)",
        dashed: true,
        points: [
          { x: 0, y: 1 },
          { x: 1, y: 0 },
        ],
      },
    ],
  });
  // A file of its own has no page to take its colours from.
  const coloured = Object.entries(colours).reduce((text, [name, value]) => text.replaceAll(name, value), svg);
  return `${coloured}\n`;
}
