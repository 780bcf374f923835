import { describe, expect, test } from "vitest";
import { describeMachine } from "../../src/bench/machine.js";
import { benchmarkPage } from "../../src/bench/page.js";
import { gradientShapes, sizes } from "../../src/bench/ready-gradients.js";
import {
  type BenchResult,
  type BenchRow,
  type GradientImplementation,
  gradientImplementations,
  type KernelRow,
} from "../../src/bench/results.js";

const rates: Record<GradientImplementation, number> = {
  read: 25,
  naive: 7,
  fused: 15,
  clipAndSum: 14,
  perExampleNorms: 20,
};
const kernels: KernelRow[] = gradientShapes.flatMap(({ bytes, columns }) =>
  gradientImplementations.map((implementation) => ({
    implementation,
    bytes,
    examples: bytes / 4 / columns,
    columns,
    msPerCall: bytes / rates[implementation] / 1e6,
    msQuartiles: [1, 1] as const,
    gigabytesPerSecond: rates[implementation],
    ofReading: rates[implementation] / rates.read,
    overFused: rates.fused / rates[implementation],
    rounds: 3,
  })),
);
const row: BenchRow = {
  engine: "hushgrad",
  workload: "mlp",
  strategy: "auto",
  private: true,
  batch: 256,
  msPerStep: 14,
  msQuartiles: [13, 15],
  examplesPerSecond: 18_000,
  peakBytes: 2 ** 25,
  rounds: 3,
};
const result: BenchResult = { machine: describeMachine(), rows: [row], kernels, skipped: [] };

interface Card {
  readonly title: string;
  readonly legend: readonly { readonly label: string; readonly color: string }[];
  readonly svg: string;
}

function cards(html: string): Card[] {
  return [...html.matchAll(/<section class="card"><h2>(.*?)<\/h2>(.*?)<\/section>/gs)].map(
    ([, title = "", body = ""]) => ({
      title,
      legend: [...body.matchAll(/<li[^>]* style="--swatch:(.*?)">(.*?)<\/li>/g)].map(([, color = "", label = ""]) => ({
        color,
        label,
      })),
      svg: body.slice(body.indexOf("<svg")),
    }),
  );
}

/** Lines that the chart draws: their colours, and how many points each has. */
function lines(svg: string): { readonly color: string; readonly points: number }[] {
  return [...svg.matchAll(/<path [^>]*>/g)]
    .map(([tag]) => tag)
    .filter((tag) => /stroke-width="2\.25"/.test(tag))
    .map((tag) => ({
      color: /stroke="([^"]*)"/.exec(tag)?.[1] ?? "",
      points: (/\bd="([^"]*)"/.exec(tag)?.[1]?.match(/[MLC]/g) ?? []).length,
    }));
}

describe("clipping ready gradients on the page", () => {
  const labels = [
    "reading alone",
    "norms: perExampleNorms()",
    "clip and sum, fused: one read",
    "the same called: clipAndSum()",
    "clip and sum, naive: separate passes",
  ];

  test("there is a line for each implementation, through every size, and one through every shape of one size", async () => {
    const [bySize, byShape] = cards(await benchmarkPage(result)).slice(-2) as [Card, Card];
    expect(bySize.title).toBe("clipping ready gradients: naive ↔ fused, GB/s");
    expect(byShape.title).toBe("clipping ready gradients: naive ↔ fused, % of reading, 64 MB");
    for (const [card, points] of [
      [bySize, sizes.length],
      [byShape, gradientShapes.filter(({ bytes }) => bytes === 2 ** 26).length],
    ] as const) {
      expect(card.legend.map(({ label }) => label)).toEqual(labels);
      const drawn = lines(card.svg);
      expect(drawn.map(({ color }) => color)).toEqual(card.legend.map(({ color }) => color));
      for (const line of drawn) expect(line.points).toBe(points);
    }
    for (const size of ["1 KB", "16 KB", "256 KB", "4 MB", "64 MB", "1 GB"]) expect(bySize.svg).toContain(`>${size}<`);
    expect(byShape.svg).toContain(">4194304<");
  });

  test("an implementation that was not measured has no line and no entry", async () => {
    const some = kernels.filter(({ implementation }) => implementation !== "naive");
    const [bySize] = cards(await benchmarkPage({ ...result, kernels: some })).slice(-2) as [Card, Card];
    expect(bySize.legend.map(({ label }) => label)).toEqual(labels.slice(0, -1));
    expect(lines(bySize.svg)).toHaveLength(labels.length - 1);
  });

  test("a page of kernels alone says so; one without them keeps silent about them", async () => {
    const alone = await benchmarkPage({ ...result, rows: [] });
    expect(alone).toContain("<h1>Clipping of ready gradients</h1>");
    expect(alone).not.toContain("ms a step");
    const without = await benchmarkPage({ ...result, kernels: [] });
    expect(without).toContain("<h1>Cost of private training steps</h1>");
    expect(without).not.toContain("ready gradients");
    expect(without.match(/<svg /g)).toHaveLength(2);
  });

  test("the page stands alone, and names a size that was left out", async () => {
    const reason = "needs 1.5 GB of free memory, there are 1.0";
    const skipped = {
      engine: "hushgrad",
      workload: "1 GB of gradients",
      strategy: "all kernels",
      reason,
      missing: true,
    };
    const html = await benchmarkPage({ ...result, skipped: [skipped] });
    expect(html).not.toMatch(/<script|(src|href)="http/);
    expect(html).toContain(`skipped: 1 GB of gradients, hushgrad all kernels: ${reason}`);
  });
});
