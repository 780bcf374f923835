/** Line charts as SVG text, by Vega-Lite, without a browser or a canvas. Colours are CSS variables of the page. */
import { Error as ErrorLevel, parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

export interface Series {
  readonly label: string;
  /** CSS colour, such as `var(--accent)`. */
  readonly color: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Drawn thin and pale, as what is noisy should be. */
  readonly faint?: boolean;
  readonly dashed?: boolean;
  /** Every point is shown: of series of few, whose lines between points are not measured. */
  readonly dotted?: boolean;
  /** Points alone, small and pale: of single runs around their mean. */
  readonly scattered?: boolean;
}

export interface LineChart {
  /** What a screen reader says. */
  readonly description: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
  /** Format of the y axis in d3's language, such as `.0%`. */
  readonly yFormat?: string;
  /** Places on the x axis and what is written there, instead of round numbers. */
  readonly xTicks?: readonly { readonly value: number; readonly label: string }[];
  readonly xScale?: { readonly type?: "linear" | "log" };
  readonly yScale?: {
    readonly type?: "linear" | "log";
    readonly zero?: boolean;
    readonly domain?: readonly [number, number];
  };
  readonly width?: number;
  readonly height?: number;
}

const MOST_POINTS = 600;

/** What all charts of a page share: its colours and its font. */
export const themed = {
  padding: 4,
  background: "transparent",
  autosize: { type: "fit", contains: "padding" },
  config: {
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      domain: false,
      ticks: false,
      gridColor: "var(--grid)",
      labelColor: "var(--muted)",
      titleColor: "var(--muted)",
      titleFontWeight: 500,
      labelFontSize: 11,
      titleFontSize: 11,
      labelPadding: 6,
      titlePadding: 10,
    },
    axisX: { grid: false },
  },
} as const;

/** Renders the chart to an `<svg>` element. Points that are not finite, or not positive on a log scale, are left out. */
export function lineChartSvg(chart: LineChart): Promise<string> {
  return svgOf(specification(chart), chart.description);
}

/** Renders a Vega-Lite chart to an `<svg>` element that the page sizes and that screen readers call `description`. */
export async function svgOf(specification: TopLevelSpec, description: string): Promise<string> {
  const view = new View(parse(compile(specification).spec), { renderer: "none", logLevel: ErrorLevel });
  try {
    return responsive(await view.toSVG(), description);
  } finally {
    view.finalize();
  }
}

function specification(chart: LineChart): TopLevelSpec {
  const drawn = drawable(chart);
  return {
    ...themed,
    width: chart.width ?? 560,
    height: chart.height ?? 240,
    layer: chart.series.map((series) => ({
      data: { values: thin(series.points.filter(drawn)) },
      mark: mark(series),
      encoding: {
        x: {
          field: "x",
          type: "quantitative" as const,
          title: chart.xTitle,
          scale: { nice: false, type: chart.xScale?.type ?? "linear" },
          axis: xAxis(chart),
        },
        y: {
          field: "y",
          type: "quantitative" as const,
          title: chart.yTitle,
          scale: yScale(chart),
          axis: { tickCount: 5, ...(chart.yFormat ? { format: chart.yFormat } : {}) },
        },
      },
    })),
  };
}

function drawable({ xScale, yScale }: LineChart): (point: { x: number; y: number }) => boolean {
  const fits = (value: number, type = "linear") => Number.isFinite(value) && (type !== "log" || value > 0);
  return ({ x, y }) => fits(x, xScale?.type) && fits(y, yScale?.type);
}

function xAxis({ xTicks }: LineChart) {
  if (!xTicks) return { format: "~r", tickCount: 8 };
  const labels = Object.fromEntries(xTicks.map(({ value, label }) => [value, label]));
  return {
    values: xTicks.map(({ value }) => value),
    labelExpr: `${JSON.stringify(labels)}[datum.value]`,
    labelOverlap: false,
  };
}

function yScale(chart: LineChart): Record<string, unknown> {
  const { type = "linear", zero = false, domain } = chart.yScale ?? {};
  return { type, ...(type === "log" ? {} : { zero }), ...(domain ? { domain: [...domain] } : { nice: true }) };
}

function mark(series: Series) {
  if (series.scattered) return { type: "circle" as const, fill: series.color, size: 24, opacity: 0.45 };
  return {
    type: "line" as const,
    interpolate: "linear" as const,
    stroke: series.color,
    strokeWidth: series.faint ? 1 : 2.25,
    strokeOpacity: series.faint ? 0.55 : 1,
    ...(series.dashed ? { strokeDash: [5, 4] } : {}),
    ...(series.dotted || series.points.length === 1 ? { point: { fill: series.color, size: 40 } } : {}),
  };
}

/** At most MOST_POINTS points, each the mean of its neighbours: a page should not weigh megabytes. */
function thin(points: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const width = Math.ceil(points.length / MOST_POINTS);
  if (width <= 1) return [...points];
  const thinned: { x: number; y: number }[] = [];
  for (let from = 0; from < points.length; from += width) {
    const part = points.slice(from, from + width);
    const mean = (key: "x" | "y") => part.reduce((sum, point) => sum + point[key], 0) / part.length;
    thinned.push({ x: mean("x"), y: mean("y") });
  }
  return thinned;
}

/** Lets the page size the picture and names it for screen readers. */
function responsive(svg: string, description: string): string {
  const label = description.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  return svg.replace(/<svg([^>]*?) width="[\d.]+" height="[\d.]+"/, `<svg$1 role="img" aria-label="${label}"`);
}
