import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epsilonText } from "../../src/report/numbers.js";
import { readRuns } from "../../src/sweep/runs.js";
import { spentTogether } from "../../src/sweep/spent.js";
import { chromium, open } from "../report/chromium.js";
import { temporaryFolder } from "../training/tiny.js";
import { inProcess } from "./command.js";
import { cellNames, writeGrid } from "./grids.js";
import { writeMasks } from "./masks.js";

describe("hushgrad report", () => {
  let folder: string;
  let out: string;
  let html: string;

  // One sweep for all: what is drawn does not change it.
  beforeAll(async () => {
    folder = makeFolder();
    out = join(folder, "study");
    expect((await inProcess(["sweep", writeGrid(folder), "--out", out])).code).toBe(0);
    const { code, stdout } = await inProcess(["report", out]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(out, "report.html")}\n` });
    html = readFileSync(join(out, "report.html"), "utf8");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("draws a line a variant over the noise, and marks what is outside ε", () => {
    for (const title of ["Training loss", "Validation loss", "Accuracy", "Time"]) {
      expect(html).toContain(`<h2>${title} <span class="badge quiet">outside ε</span></h2>`);
      expect(html).toContain(`aria-label="${title} by noise multiplier"`);
    }
    expect(html).toContain('<h2>Privacy loss ε <span class="badge quiet">inside ε</span></h2>');
    const [chart] = html.split('aria-label="Validation loss by noise multiplier"').slice(1);
    const legend = html.split("<h2>Validation loss")[1]?.split("<svg")[0];
    for (const variant of ["without DP", "automatic clipping", "random sparsification"])
      expect(legend).toContain(`${variant}</li>`);
    for (const color of [1, 2, 3]) expect(chart).toContain(`stroke="var(--series-${color})"`);
    expect(html).not.toContain("Dice by noise"); // pictures have one class here
  });

  it("says what each cell spent, what all spent together, and what a patient loses", () => {
    const { runs } = readRuns([out]);
    const spent = spentTogether(runs);
    if (!spent?.group) throw new Error("nothing was spent");
    expect(html).toContain(`all together: ε = ${epsilonText(spent.epsilon)}, δ = 1e-5`);
    expect(html).toContain(
      `all 4 private cells spent together, if they are about the same data: ε = ${epsilonText(spent.epsilon)} ` +
        `(${epsilonText(spent.group.epsilon)} for a patient with up to 4 examples)`,
    );
    expect(html).toContain("<p>An example is a picture.</p>");
    expect(html).toContain("Cells without DP or with a seed have no ε");
    expect(html).toContain("The configuration declares that no patient has more than 4 of them");
    expect(html).toContain('<th scope="col">ε of one patient</th>');
    for (const run of runs) {
      const row = html.split(`<tr><th scope="row">${run.name}</th>`)[1]?.split("</tr>")[0];
      expect(row).toContain("<td>finished</td>");
      if (run.privacy === "none") expect(row).toContain("<td>not private</td>");
      else expect(row).toContain(`<td>${epsilonText(run.epsilon)}</td><td>${epsilonText(run.groupEpsilon ?? 0)}</td>`);
    }
    expect(spent.group.epsilon).toBeGreaterThan(spent.epsilon);
  });

  it("stands alone: no scripts, no links, nothing fetched", () => {
    expect(html).not.toMatch(/<script|<link|url\(|@import|\bsrc="(?!data:)/i);
    expect(html.replaceAll(/http:\/\/www\.w3\.org\/\d+\/(svg|xlink)/g, "")).not.toMatch(/https?:/);
  });

  it.skipIf(chromium === undefined)("shows its curves in Chromium (skipped where that is not installed)", async () => {
    const file = join(out, "report.html");
    const dom = await open(file, "--dump-dom");
    const chart = dom.split('aria-label="Validation loss by noise multiplier"')[1]?.split("</svg>")[0] ?? "";
    const curves = [...chart.matchAll(/<path[^>]* d="(M[^"]+)"[^>]*stroke="var\(--series-(\d)\)"/g)];
    expect(new Set(curves.map((curve) => curve[2]))).toEqual(new Set(["1", "2", "3"]));
    for (const [, path] of curves) expect(path).toMatch(/^M[\d.]+,[\d.]+L[\d.]+,[\d.]+/);
    // And as pixels of the lines' colours: #3457d5, #c2410c, #0f7b6c.
    const picture = join(folder, "page.png");
    await open(file, "--window-size=1200,2400", `--screenshot=${picture}`);
    const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const counts = new Map<string, number>();
    for (let at = 0; at < data.length; at += info.channels) {
      const color = data.subarray(at, at + 3).toString("hex");
      counts.set(color, (counts.get(color) ?? 0) + 1);
    }
    for (const color of ["3457d5", "c2410c", "0f7b6c"]) expect(counts.get(color)).toBeGreaterThan(200);
  });

  it("draws single runs beside each other, where told to", async () => {
    const [first, second] = cellNames.slice(1).map((name) => join(out, name)) as [string, string];
    const page = join(folder, "two.html");
    expect(await inProcess(["report", first, second])).toMatchObject({ code: 2 });
    expect((await inProcess(["report", first, second, "--out", page])).code).toBe(0);
    const text = readFileSync(page, "utf8");
    expect(text).toContain("2 of 2 cells finished");
    expect(text).toContain(`${cellNames[1]}</li>`);
    expect(await inProcess(["report", folder, "--out", page])).toMatchObject({
      code: 1,
      stderr: `hushgrad: ${folder} holds neither a run nor a sweep\n`,
    });
  });

  it("draws the mean of runs that differ in their seed, and the runs around it", async () => {
    const inner = makeFolder();
    const study = join(inner, "study");
    const grid = { "privacy.noiseMultiplier": [0.5, 2], seed: [1, 2, 3] };
    const path = writeGrid(inner, { variants: { plain: { strategy: "none", privacy: null }, noisy: {} }, grid });
    expect((await inProcess(["sweep", path, "--out", study, "--steps", "3"])).code).toBe(0);
    expect((await inProcess(["report", study])).code).toBe(0);
    const text = readFileSync(join(study, "report.html"), "utf8");
    const card = text.split("<h2>Training loss")[1]?.split("</section>")[0] ?? "";
    expect([...card.matchAll(/">([^<]*)<\/li>/g)].map(([, entry]) => entry)).toEqual([
      "plain, mean of 3 runs",
      "noisy, mean of 3 runs",
    ]);
    expect(card.match(/<path[^>]*fill="var\(--series-2\)"/g)).toHaveLength(6);
    expect(card.match(/<path[^>]*stroke="var\(--series-2\)"/g)).toHaveLength(1);
    expect(text).toContain("Lines are means over runs that differ in their seed alone");
    expect(text).toContain("9 of 9 cells finished");
    rmSync(inner, { recursive: true });
  });

  it("says what has not begun and what is damaged, and then adds nothing up", async () => {
    const inner = makeFolder();
    const study = join(inner, "study");
    expect((await inProcess(["sweep", writeGrid(inner), "--out", study, "--steps", "3"])).code).toBe(0);
    rmSync(join(study, cellNames[0]), { recursive: true });
    writeFileSync(join(study, cellNames[2], "ledger.jsonl"), "{}\n");
    expect((await inProcess(["report", study])).code).toBe(0);
    const text = readFileSync(join(study, "report.html"), "utf8");
    expect(text).toContain(`Not begun: ${cellNames[0]}.`);
    expect(text).toMatch(/Left out: .*ledger\.jsonl/);
    expect(text).toContain("What all cells spent together cannot be told");
    expect(text).toContain("no ε for all together");
    expect(text).toContain("3 of 5 cells finished");
    rmSync(inner, { recursive: true });
  });
});

describe("hushgrad report of pictures with a class a pixel", () => {
  it("shows picture, classes and predictions, and Dice over the noise", async () => {
    const folder = temporaryFolder();
    const grid = writeMasks(folder);
    const out = join(folder, "study");
    expect((await inProcess(["sweep", grid, "--out", out])).code).toBe(0);
    expect((await inProcess(["report", out])).code).toBe(0);
    const html = readFileSync(join(out, "report.html"), "utf8");
    for (const title of ["Dice", "Pixel accuracy"]) expect(html).toContain(`aria-label="${title} by noise multiplier"`);
    const pictures = [...html.matchAll(/<img src="data:image\/png;base64,([^"]+)" alt="([^"]*)">/g)];
    expect(pictures.map((picture) => picture[2])).toEqual([
      "picture 2",
      "truth",
      "plain",
      "private, σ = 1",
      "private, σ = 4",
    ]);
    const pixels = await Promise.all(
      pictures.map(([, base64 = ""]) => sharp(Buffer.from(base64, "base64")).removeAlpha().raw().toBuffer()),
    );
    for (const picture of pixels) expect(picture).toHaveLength(16 * 16 * 3);
    expect(html).toContain('<li class="filled" style="--swatch:#0072b2">class 1</li>');
    // The second test picture is the first that has both classes: its right half is of class 1, blue.
    const truth = pixels[1] as Buffer;
    expect(truth.subarray(0, 3).toString("hex")).toBe("000000");
    expect(truth.subarray(15 * 3, 16 * 3).toString("hex")).toBe("0072b2");

    rmSync(join(folder, "data"), { recursive: true });
    const { code, stderr } = await inProcess(["report", out]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^no pictures: .*there is no such folder\n$/);
    expect(readFileSync(join(out, "report.html"), "utf8")).not.toContain("<img");
  });
});

/** Not `temporaryFolder`, which is gone after one test. */
function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "hushgrad-report-"));
}
