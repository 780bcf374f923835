/** A self-contained HTML page: opens from disk, asks the network for nothing, follows the reader's light or dark. */

/** Text for between tags or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

export function tiles(all: readonly Tile[]): string {
  const one = ({ label, value, note }: Tile) =>
    `<div class="tile"><span class="label">${escapeHtml(label)}</span><span class="value">${escapeHtml(value)}</span>` +
    `${note ? `<span class="note">${escapeHtml(note)}</span>` : ""}</div>`;
  return `<section class="tiles">${all.map(one).join("")}</section>`;
}

export interface LegendEntry {
  readonly label: string;
  readonly color: string;
  readonly faint?: boolean;
  /** Of areas, not lines: a box with an edge, so that one of the card's own colour is seen. */
  readonly filled?: boolean;
}

/** A card with a chart; `svg` is trusted markup. */
export function chartCard(title: string, svg: string, legend: readonly LegendEntry[], note?: string): string {
  const kind = ({ faint, filled }: Pick<LegendEntry, "faint" | "filled">) =>
    filled ? ' class="filled"' : faint ? ' class="faint"' : "";
  const entry = ({ label, color, ...line }: LegendEntry) =>
    `<li${kind(line)} style="--swatch:${color}">${escapeHtml(label)}</li>`;
  const entries = legend.map(entry).join("");
  return (
    `<section class="card"><h2>${escapeHtml(title)}${note ? ` <span class="badge quiet">${escapeHtml(note)}</span>` : ""}</h2>` +
    `<ul class="legend">${entries}</ul>${svg}</section>`
  );
}

/** A card with a table of names and values. */
export function tableCard(title: string, rows: readonly (readonly [string, string])[]): string {
  const body = rows.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<section class="card"><h2>${escapeHtml(title)}</h2><table><tbody>${body.join("")}</tbody></table></section>`;
}

/** A card with paragraphs. */
export function textCard(title: string, paragraphs: readonly string[]): string {
  const body = paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join("");
  return `<section class="card text"><h2>${escapeHtml(title)}</h2>${body}</section>`;
}

export interface Column {
  readonly title: string;
  /** Of what is outside ε; said above the column. */
  readonly outside?: boolean;
}

/** A card with a table as wide as it needs to be. */
export function gridCard(title: string, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const head = columns.map(({ title, outside }) => {
    const note = outside ? `<br><span class="badge quiet">outside ε</span>` : "";
    return `<th scope="col">${escapeHtml(title)}${note}</th>`;
  });
  const body = rows.map(([first = "", ...cells]) => {
    const others = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(first)}</th>${others}</tr>`;
  });
  return (
    `<section class="card wide"><h2>${escapeHtml(title)}</h2><table class="columns"><thead><tr>${head.join("")}</tr></thead>` +
    `<tbody>${body.join("")}</tbody></table></section>`
  );
}

export interface Picture {
  /** A `data:` URI. */
  readonly uri: string;
  readonly caption: string;
}

/** A card with pictures side by side, shown pixel by pixel. */
export function pictureCard(
  title: string,
  pictures: readonly Picture[],
  legend: readonly LegendEntry[],
  note: string,
): string {
  const figures = pictures.map(
    ({ uri, caption }) =>
      `<figure><img src="${escapeHtml(uri)}" alt="${escapeHtml(caption)}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`,
  );
  return chartCard(title, `<div class="pictures">${figures.join("")}</div>`, legend, note);
}

/** Nested JSON as rows: `privacy.delta` → `0.00001`. */
export function flatten(value: unknown, prefix = ""): [string, string][] {
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object")) {
    return [[prefix, listText(value)]];
  }
  if (value === null || typeof value !== "object") return [[prefix, String(value)]];
  return Object.entries(value).flatMap(([key, item]) => flatten(item, prefix === "" ? key : `${prefix}.${key}`));
}

const LONG_LIST = 12;

function listText(values: readonly unknown[]): string {
  if (values.length === 0) return "–";
  if (values.length <= LONG_LIST) return values.map(String).join(", ");
  return `${values.length} values from ${String(values[0])} to ${String(values.at(-1))}`;
}

export interface Page {
  readonly title: string;
  /** Said beside the title, such as `ε = 2, δ = 1e-5`. */
  readonly badge: { readonly text: string; readonly tone: "good" | "warn" };
  readonly subtitle: string;
  /** Trusted markup. */
  readonly body: string;
  readonly footer: string;
}

export function renderPage(page: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(page.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header><p class="brand">hushgrad</p><h1>${escapeHtml(page.title)}</h1>
<p class="subtitle"><span class="badge ${page.badge.tone}">${escapeHtml(page.badge.text)}</span> ${escapeHtml(page.subtitle)}</p></header>
${page.body}
<footer>${escapeHtml(page.footer)}</footer>
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark;
  --bg: #f6f7f9; --card: #ffffff; --text: #16181d; --muted: #626a78; --grid: #e6e8ed; --line: #e2e5ea;
  --accent: #3457d5; --second: #c2410c; --series-1: #3457d5; --series-2: #c2410c; --series-3: #0f7b6c; --series-4: #8b3fc4;
  --series-5: #a16207; --series-6: #be185d; --series-7: #475569; --series-8: #0369a1; --good-bg: #e3f5ea; --good: #14683a; --warn-bg: #fdeedd; --warn: #99440a; }
@media (prefers-color-scheme: dark) { :root {
  --bg: #111318; --card: #1a1d24; --text: #eceef2; --muted: #9aa3b2; --grid: #2a2e38; --line: #2a2e38;
  --accent: #8aa4ff; --second: #fb9a5b; --series-1: #8aa4ff; --series-2: #fb9a5b; --series-3: #4fd1b8; --series-4: #c792ea;
  --series-5: #e5c046; --series-6: #f586b5; --series-7: #a3b1c6; --series-8: #5cc3f5; --good-bg: #123524; --good: #7fdba4; --warn-bg: #3d2613; --warn: #ffbd85; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 56px; }
.brand { margin: 0; color: var(--accent); font-weight: 650; letter-spacing: .02em; }
h1 { margin: 2px 0 8px; font-size: 28px; line-height: 1.2; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 6px; font-size: 15px; font-weight: 600; }
.subtitle { margin: 0 0 24px; color: var(--muted); }
.badge { display: inline-block; padding: 2px 10px; border-radius: 999px; font-size: 13px; font-weight: 600; }
.badge.good { background: var(--good-bg); color: var(--good); }
.badge.warn { background: var(--warn-bg); color: var(--warn); }
.badge.quiet { background: var(--grid); color: var(--muted); font-weight: 500; font-size: 12px; margin-left: 6px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 12px; margin-bottom: 12px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; display: flex; flex-direction: column; }
.tile .label { color: var(--muted); font-size: 13px; }
.tile .value { font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tile .note { color: var(--muted); font-size: 12px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 12px; margin-bottom: 12px; align-items: start; }
.column { display: grid; gap: 12px; min-width: 0; }
.card { padding: 16px 18px; min-width: 0; }
.card svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 0 0 8px; padding: 0; color: var(--muted); font-size: 12px; }
.legend li::before { content: ""; display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; background: var(--swatch); }
.legend li.faint::before { height: 1px; opacity: .6; }
.legend li.filled::before { height: 12px; border: 1px solid var(--muted); }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 6px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
tr:first-child th, tr:first-child td { border-top: 0; }
th { width: 40%; padding-right: 16px; color: var(--muted); font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
.card.wide { overflow-x: auto; margin-bottom: 12px; }
.card.text { margin-bottom: 12px; }
.card.text p { margin: 0 0 8px; max-width: 88ch; }
.columns th, .columns td { width: auto; padding: 6px 14px 6px 0; overflow-wrap: normal; white-space: nowrap; vertical-align: bottom; }
.columns thead th .badge { margin: 2px 0 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.pictures figure { margin: 0; }
.pictures img { display: block; width: 100%; image-rendering: pixelated; border-radius: 6px; }
.pictures figcaption { color: var(--muted); font-size: 12px; overflow-wrap: anywhere; }
footer { margin-top: 20px; color: var(--muted); font-size: 13px; max-width: 80ch; }
`;
