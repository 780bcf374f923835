import { describe, expect, it } from "vitest";
import { lineChartSvg } from "../../src/report/chart.js";
import { escapeHtml, flatten } from "../../src/report/page.js";
import { type TrainingReport, trainingReport } from "../../src/report/training-report.js";
import type { MetricsRow } from "../../src/training/metrics.js";

const metrics: MetricsRow[] = Array.from({ length: 40 }, (_, i) => ({
  step: i + 1,
  epoch: Math.ceil((i + 1) / 10),
  learningRate: 0.5,
  epsilon: Math.sqrt(i + 1) / 5,
  trainLoss: i % 7 === 0 ? undefined : 2 / (i + 1),
  sampled: 20,
  leftOut: 0,
  clipped: 3,
  seconds: i / 10,
  ...(i % 10 === 9 ? { testLoss: 1.5 / (i + 1), testAccuracy: i / 50 } : {}),
}));

const base: TrainingReport = {
  title: "a run",
  privacy: "private",
  status: "finished",
  epsilon: 1.2649,
  targetEpsilon: 2,
  delta: 1e-5,
  noiseMultiplier: 1.1,
  samplingRate: 0.01,
  steps: 40,
  stepsPerEpoch: 10,
  seconds: 4,
  peakBytes: 100 * 2 ** 20,
  metrics,
  settings: { model: "mnist-cnn", clipping: { threshold: 0.1 } },
  statement: { relation: "add/remove", outsideEpsilon: ["training loss"] },
};

describe("trainingReport", () => {
  it("stands alone: no scripts, no links, nothing fetched", async () => {
    const html = await trainingReport(base);
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).toContain(`default-src 'none'`);
    expect(html).not.toMatch(/<script|<link|<img|url\(|@import|\bsrc=/i);
    expect(html.replaceAll(/http:\/\/www\.w3\.org\/\d+\/(svg|xlink)/g, "")).not.toMatch(/https?:/);
  });

  it("shows curves of loss, accuracy and ε, the settings and the guarantee", async () => {
    const html = await trainingReport(base);
    expect(html.match(/<svg /g)).toHaveLength(3);
    for (const name of ["Loss by epoch", "Test accuracy by epoch", "Privacy loss by epoch"])
      expect(html).toContain(`aria-label="${name}"`);
    expect(html).toContain("ε = 1.265, δ = 1e-5");
    expect(html).toContain('<th scope="row">clipping.threshold</th><td>0.1</td>');
    expect(html).toContain('<th scope="row">relation</th><td>add/remove</td>');
  });

  it("marks what lies outside ε", async () => {
    const html = await trainingReport(base);
    for (const title of ["Loss", "Accuracy"])
      expect(html).toContain(`<h2>${title} <span class="badge quiet">outside ε</span></h2>`);
    expect(html).toMatch(/Test accuracy<\/span><span class="value">78\.00 %<\/span><span class="note">outside ε/);
    expect(html).toContain("Outside ε, because computed from the records without noise");
  });

  it("shows Dice and accuracy by pixel of models with one class a pixel", async () => {
    const byPixel = metrics.map(({ testAccuracy, ...row }) =>
      testAccuracy === undefined ? row : { ...row, testMeanDice: 0.71346, testPixelAccuracy: testAccuracy },
    );
    const html = await trainingReport({ ...base, metrics: byPixel });
    expect(html).toContain('aria-label="Test Dice by epoch"');
    expect(html).toContain('<h2>Dice <span class="badge quiet">outside ε</span></h2>');
    expect(html).toContain("test, by pixel");
    expect(html).toMatch(/Test Dice<\/span><span class="value">0\.7135<\/span><span class="note">outside ε/);
    expect(html).toMatch(/Pixel accuracy<\/span><span class="value">78\.00 %<\/span><span class="note">outside ε/);
    expect(html).not.toContain("Test accuracy<");
  });

  it("marks a seeded run and one without privacy", async () => {
    const seeded = await trainingReport({ ...base, privacy: "seeded" });
    expect(seeded).toContain('<span class="badge warn">seeded: not private</span>');
    expect(seeded.match(/seeded: not private/g)?.length).toBeGreaterThanOrEqual(3);
    const open = await trainingReport({
      ...base,
      privacy: "none",
      metrics: metrics.map((row) => ({ ...row, epsilon: undefined })),
    });
    expect(open).toContain('<span class="badge warn">not private</span>');
    expect(open.match(/<svg /g)).toHaveLength(2);
  });

  it("takes a run that was stopped before its first epoch, and text that looks like markup", async () => {
    const html = await trainingReport({ ...base, title: "<b>&", status: "interrupted", metrics: metrics.slice(0, 1) });
    expect(html).toContain("<h1>&lt;b&gt;&amp;</h1>");
    expect(html).toContain("interrupted, 40 steps");
    expect(html).not.toContain("Test accuracy");
  });
});

describe("lineChartSvg", () => {
  const chart = (points: { x: number; y: number }[], log = false) =>
    lineChartSvg({
      description: 'a "chart"',
      xTitle: "x",
      yTitle: "y",
      ...(log ? { yScale: { type: "log" as const } } : {}),
      series: [{ label: "one", color: "var(--accent)", points }],
    });

  it("leaves the size and the colours to the page", async () => {
    const svg = await chart([
      { x: 0, y: 1 },
      { x: 1, y: 2 },
    ]);
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-label="a &quot;chart&quot;" viewBox=/);
    expect(svg).toContain('stroke="var(--accent)"');
    expect(svg).not.toMatch(/<svg[^>]* width=/);
  });

  it("leaves out points that cannot be drawn", async () => {
    const points = [
      { x: 0, y: 1 },
      { x: 1, y: Number.NaN },
      { x: 2, y: Number.POSITIVE_INFINITY },
      { x: 3, y: 0 },
      { x: 4, y: 10 },
    ];
    expect(await chart(points, true)).not.toMatch(/NaN|Infinity/);
  });

  it("stays small however many points there are", async () => {
    const svg = await chart(Array.from({ length: 100_000 }, (_, x) => ({ x, y: Math.sin(x / 5000) })));
    expect(svg.length).toBeLessThan(60_000);
  });
});

describe("page", () => {
  it("escapes text", () => expect(escapeHtml(`<a b="c">&`)).toBe("&lt;a b=&quot;c&quot;&gt;&amp;"));

  it("flattens nested JSON", () => {
    expect(flatten({ a: { b: 1, c: [1, 2] }, d: null, e: [{ f: true }] })).toEqual([
      ["a.b", "1"],
      ["a.c", "1, 2"],
      ["d", "null"],
      ["e.0.f", "true"],
    ]);
    const long = Array.from({ length: 30 }, (_, i) => i);
    expect(flatten({ none: [], long })).toEqual([
      ["none", "–"],
      ["long", "30 values from 0 to 29"],
    ]);
  });
});
