/** Line charts as SVG text, by Vega-Lite, without a browser or a canvas. Colours are CSS variables of the page. */
import { Warn, parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

export interface Series {
  readonly label: string;
  /** CSS colour, such as `var(--accent)`. */
  readonly color: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Drawn thin and pale, as what is noisy should be. */
  readonly faint?: boolean;
  readonly dashed?: boolean;
}

export interface LineChart {
  /** What a screen reader says. */
  readonly description: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
  /** Format of the y axis in d3's language, such as `.0%`. */
  readonly yFormat?: string;
  readonly yScale?: { readonly type?: "linear" | "log"; readonly zero?: boolean; readonly domain?: readonly [number, number] };
  readonly width?: number;
  readonly height?: number;
}

const MOST_POINTS = 600;

/** Renders the chart to an `<svg>` element. Points that are not finite, or not positive on a log scale, are left out. */
export async function lineChartSvg(chart: LineChart): Promise<string> {
  const view = new View(parse(compile(specification(chart)).spec), { renderer: "none", logLevel: Warn });
  try {
    return responsive(await view.toSVG(), chart.description);
  } finally {
    view.finalize();
  }
}

function specification(chart: LineChart): TopLevelSpec {
  const log = chart.yScale?.type === "log";
  return {
    width: chart.width ?? 560,
    height: chart.height ?? 240,
    padding: 4,
    background: "transparent",
    autosize: { type: "fit", contains: "padding" },
    layer: chart.series.map((series) => ({
      data: { values: thin(series.points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0))) },
      mark: mark(series),
      encoding: {
        x: { field: "x", type: "quantitative" as const, title: chart.xTitle, scale: { nice: false }, axis: { format: "~r", tickCount: 8 } },
        y: {
          field: "y",
          type: "quantitative" as const,
          title: chart.yTitle,
          scale: yScale(chart),
          axis: { tickCount: 5, ...(chart.yFormat ? { format: chart.yFormat } : {}) },
        },
      },
    })),
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
  };
}

function yScale(chart: LineChart): Record<string, unknown> {
  const { type = "linear", zero = false, domain } = chart.yScale ?? {};
  return { type, ...(type === "log" ? {} : { zero }), ...(domain ? { domain: [...domain] } : { nice: true }) };
}

function mark(series: Series) {
  return {
    type: "line" as const,
    interpolate: "monotone" as const,
    stroke: series.color,
    strokeWidth: series.faint ? 1 : 2.25,
    strokeOpacity: series.faint ? 0.55 : 1,
    ...(series.dashed ? { strokeDash: [5, 4] } : {}),
    ...(series.points.length === 1 ? { point: { fill: series.color, size: 40 } } : {}),
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
