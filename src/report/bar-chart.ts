/** Horizontal bars with their values written beside them, as SVG text. */
import type { TopLevelSpec } from "vega-lite";
import { svgOf, themed } from "./chart.js";

export interface Bar {
  readonly label: string;
  /** ≥ 0. */
  readonly value: number;
  /** Written at the end of the bar. */
  readonly text: string;
  /** CSS colour, such as `var(--accent)`. */
  readonly color: string;
}

export interface BarChart {
  /** What a screen reader says. */
  readonly description: string;
  /** From top to bottom. */
  readonly bars: readonly Bar[];
}

const BAR_HEIGHT = 24;
/** Room right of the longest bar for its text. */
const HEADROOM = 1.6;

/** Renders the chart to an `<svg>` element. */
export function barChartSvg({ description, bars }: BarChart): Promise<string> {
  const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const x = {
    field: "value",
    type: "quantitative" as const,
    axis: null,
    scale: { domain: [0, longest * HEADROOM], nice: false },
  };
  const y = {
    field: "label",
    type: "nominal" as const,
    sort: null,
    title: null,
    axis: { labelFontSize: 12, labelLimit: 240 },
  };
  const specification: TopLevelSpec = {
    ...themed,
    width: 560,
    height: BAR_HEIGHT * bars.length + 8,
    data: { values: bars.map((bar) => ({ ...bar })) },
    layer: [
      {
        mark: { type: "bar", cornerRadiusEnd: 3, height: { band: 0.7 } },
        encoding: { x, y, color: { field: "color", type: "nominal", scale: null, legend: null } },
      },
      {
        mark: { type: "text", align: "left", dx: 6, fontSize: 12, fill: "var(--text)" },
        encoding: { x, y, text: { field: "text" } },
      },
    ],
  };
  return svgOf(specification, description);
}
