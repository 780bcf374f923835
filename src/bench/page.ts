/** The benchmark as a page: bars of time and memory per workload, lines of kernels over ready gradients. */
import { barChartSvg } from "../report/bar-chart.js";
import { chartCard, escapeHtml, type LegendEntry, renderPage } from "../report/page.js";
import { gradientCards } from "./gradient-cards.js";
import { GRADIENTS_NOTE } from "./gradient-text.js";
import type { BenchResult, BenchRow } from "./results.js";
import { libraries, megabytes, milliseconds, NOTE, ratio, skippedLine } from "./table.js";

const OWN = { label: "hushgrad, private", color: "var(--accent)" };
const OWN_PLAIN = { label: "hushgrad, not private", color: "color-mix(in srgb, var(--accent) 45%, transparent)" };
const PEER = { label: "other engines, private", color: "var(--second)" };
const PEER_PLAIN = {
  label: "other engines, not private",
  color: "color-mix(in srgb, var(--second) 45%, transparent)",
};
const GROUPS: readonly LegendEntry[] = [OWN, OWN_PLAIN, PEER, PEER_PLAIN];

/** The whole page as HTML text: no scripts, nothing from the network. */
export async function benchmarkPage(result: BenchResult): Promise<string> {
  const workloads = [...new Set(result.rows.map(({ workload }) => workload))];
  const cards = await Promise.all(workloads.map((workload) => workloadCards(workload, result)));
  const { machine, kernels } = result;
  return renderPage({
    title: result.rows.length > 0 ? "Cost of private training steps" : "Clipping of ready gradients",
    badge: { text: `${machine.cores} cores`, tone: "good" },
    subtitle: `${machine.cpu}, Node.js ${machine.node}, ${libraries(result)}`,
    body: cards.join("") + (await gradientCards(kernels)) + skipped(result),
    footer: [...(result.rows.length > 0 ? [NOTE] : []), ...(kernels.length > 0 ? [GRADIENTS_NOTE] : [])].join(" "),
  });
}

async function workloadCards(workload: string, result: BenchResult): Promise<string> {
  const rows = result.rows.filter((row) => row.workload === workload);
  const chart = async (title: string, value: (row: BenchRow) => number, text: (row: BenchRow) => string) => {
    const bars = rows.map((row) => ({
      label: `${row.engine} ${row.strategy}`,
      value: value(row),
      text: text(row),
      color: groupOf(row).color,
    }));
    const svg = await barChartSvg({ description: `${workload}: ${title}`, bars });
    const legend = GROUPS.filter((group) => rows.some((row) => groupOf(row) === group));
    return chartCard(`${workload}: ${title}`, svg, legend, `batch ${rows[0]?.batch}`);
  };
  const time = await chart("ms a step", (row) => row.msPerStep, timeText);
  const memory = await chart(
    "peak MB",
    (row) => row.peakBytes / 2 ** 20,
    ({ peakBytes }) => megabytes(peakBytes),
  );
  return `<div class="grid">${time}${memory}</div>`;
}

function timeText(row: BenchRow): string {
  return `${milliseconds(row.msPerStep)}${row.overhead === undefined ? "" : `  (${ratio(row.overhead)} × none)`}`;
}

function groupOf(row: BenchRow): LegendEntry {
  if (row.engine === "hushgrad") return row.private ? OWN : OWN_PLAIN;
  return row.private ? PEER : PEER_PLAIN;
}

function skipped(result: BenchResult): string {
  if (result.skipped.length === 0) return "";
  const lines = result.skipped.map((row) => `<li>${escapeHtml(skippedLine(row))}</li>`);
  return `<section class="card"><h2>Not timed</h2><ul>${lines.join("")}</ul></section>`;
}
