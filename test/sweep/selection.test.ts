/** Sweeps that publish the best of several runs: what is drawn, what is published, what it costs, and what is refused. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { spentOf } from "../../src/privacy/ledger-compose.js";
import { type RunLaw, selectionEpsilon, selectionEpsilonOfAny } from "../../src/privacy/selection.js";
import { readManifest } from "../../src/sweep/manifest.js";
import { readRuns } from "../../src/sweep/runs.js";
import { selectedOf } from "../../src/sweep/selection.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { inProcess } from "../cli/command.js";
import { writeGrid } from "../cli/grids.js";
import { chain, end, reserve, settle, startOf } from "../training/ledgers.js";
import { temporaryFolder } from "../training/tiny.js";

const law: RunLaw = { law: "geometric", mean: 2 };
const selection = { ...law, by: "loss" };
const changes = { selection, variants: {}, set: { epochs: null, steps: 4, privacy: { group: null } } };

describe("a sweep that publishes the best of several runs", () => {
  let folder: string;
  let out: string;
  beforeEach(() => {
    folder = temporaryFolder();
    out = join(folder, "study");
  });

  const sweep = (more: object = {}, flags: readonly string[] = []) =>
    inProcess(["sweep", writeGrid(folder, { ...changes, ...more }), "--out", out, ...flags]);
  const json = (...path: readonly string[]) => JSON.parse(readFileSync(join(out, ...path), "utf8"));

  it("trains what it drew once, and publishes the best alone with what that costs", async () => {
    const first = await sweep();
    expect(first).toMatchObject({ code: 0 });
    const { drawn } = json("sweep.json").selection as { drawn: string[] };
    const { runs } = readRuns([out]);
    expect(runs.map(({ name }) => name)).toEqual(drawn.map((_, i) => `run-${String(i + 1).padStart(3, "0")}`));
    for (const [i, { noiseMultiplier }] of runs.entries()) expect(drawn[i]).toBe(`noiseMultiplier-${noiseMultiplier}`);

    const best = runs.reduce((a, b) =>
      (a.metrics.at(-1)?.testLoss ?? 0) <= (b.metrics.at(-1)?.testLoss ?? 0) ? a : b,
    );
    const model = (path: string) => readFileSync(join(path, "checkpoint.safetensors"));
    expect(model(join(out, "selected")).equals(model(best.folder))).toBe(true);
    expect(readdirSync(join(out, "selected")).sort()).toEqual([
      "checkpoint.safetensors",
      "config.json",
      "privacy.json",
    ]);

    // The cell with the least noise bounds both.
    const { epsilon } = selectionEpsilon([{ samplingRate: 0.1, noiseMultiplier: 0.5, steps: 4 }], law, 1e-5);
    const statement = json("selected", "privacy.json");
    expect(statement).toMatchObject({ private: true, epsilon, delta: 1e-5, relation: "add/remove" });
    expect(statement.selection).toMatchObject({ rule: expect.stringContaining("RepeatAndSelect"), ...selection });
    expect(statement.guarantee).toContain(String(epsilon));
    expect(JSON.stringify(statement.selection)).not.toContain("run-0");
    expect(epsilon).toBeGreaterThan(json(best.name, "privacy.json").epsilon);
    expect(first.stdout).toMatch(
      /The best by loss is in .*selected\. Published alone it costs ε = \d.*RepeatAndSelect/,
    );

    const again = await sweep();
    expect(again.stderr).not.toContain("training:");
    expect(json("sweep.json").selection.drawn).toEqual(drawn);

    expect((await inProcess(["report", out])).code).toBe(0);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("by RepeatAndSelect");
  });

  it("draws anew in another folder only: a changed grid, or a plain one, is refused beside the old runs", async () => {
    expect((await sweep()).code).toBe(0);
    for (const more of [
      { selection: { ...selection, mean: 3 } },
      { grid: { "privacy.noiseMultiplier": [2] } },
      { selection: undefined },
    ]) {
      const { code, stderr } = await sweep(more);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/study holds (another sweep|runs of which the best)/)]);
    }
    expect((await sweep({}, ["--steps", "5"])).stderr).toContain("holds another sweep");
  });

  it("is refused where a run that was begun has gone, or is another: what it spent would count nowhere", async () => {
    expect((await sweep()).code).toBe(0);
    const run = join(out, "run-001");
    const { begun } = json("sweep.json").selection as { begun: Record<string, string> };
    expect(begun["run-001"]).toBe(readRunLedger(run).start.run);
    const gone = /run-001 no longer holds the run that was begun there.*put the folder back/;
    const refused = async () => {
      const { code, stderr } = await sweep();
      expect([code, stderr]).toEqual([1, expect.stringMatching(gone)]);
      expect(readRuns([out]).damaged).toEqual([expect.stringMatching(gone)]);
    };

    renameSync(run, join(folder, "kept"));
    await refused();
    expect(existsSync(run)).toBe(false);
    cpSync(join(folder, "kept"), run, { recursive: true });
    expect((await sweep()).code).toBe(0);

    const ledger = join(run, "ledger.jsonl");
    writeFileSync(ledger, chain(startOf("a"), reserve(4), settle(4), end("finished")));
    rmSync(join(run, "privacy.json"));
    await refused();
  });

  it("is told by hushgrad ledger: all its runs, what was selected alone, and that beside other runs", async () => {
    await sweep();
    const ask = async (...folders: string[]) => {
      const { code, stdout, stderr } = await inProcess(["ledger", ...folders, "--json"]);
      expect([code, stderr]).toEqual([0, ""]);
      return JSON.parse(stdout);
    };
    const { runs } = readRuns([out]);
    const selected = join(out, "selected");
    const { epsilon, delta } = json("selected", "privacy.json");

    const whole = await ask(out);
    expect(whole.ledgers.map(({ directory }: { directory: string }) => directory)).toEqual(
      runs.map(({ folder }) => folder),
    );
    const rows = runs.flatMap(({ ledger }) => spentOf(ledger));
    expect(whole.epsilon).toBeCloseTo(makeAccountant().epsilonWith(rows, 1e-5), 3);
    expect(whole.selected).toMatchObject([{ directory: selected, epsilon, delta, counted: true }]);
    expect(await ask(out, selected, runs[0]?.folder as string)).toMatchObject({ epsilon: whole.epsilon, delta });

    expect(await ask(selected)).toMatchObject({ epsilon, delta, relation: "add/remove", steps: 0, ledgers: [] });
    const other = join(folder, "other");
    const write = (changes: object) => {
      mkdirSync(other, { recursive: true });
      writeFileSync(join(other, "ledger.jsonl"), chain(startOf("a", changes), reserve(5)));
    };
    write({});
    const alone = await ask(other);
    expect(await ask(other, selected)).toMatchObject({ epsilon: alone.epsilon + epsilon, delta: 1e-5 + delta });
    write({ relation: "replace-one" });
    const { code, stderr } = await inProcess(["ledger", other, selected]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/selected is accounted for under add\/remove/)]);

    const { stdout } = await inProcess(["ledger", out]);
    expect(stdout).toMatch(/run-001 .*selected: published alone, the other runs kept secret, it costs ε = \d/s);
  });

  it("chooses when all have ended, and says that nothing was drawn", async () => {
    await sweep();
    const manifest = readManifest(out) as NonNullable<ReturnType<typeof readManifest>>;
    const { drawn } = manifest.selection as { drawn: string[] };
    const rewrite = (names: readonly string[]) =>
      writeFileSync(
        join(out, "sweep.json"),
        JSON.stringify({ ...manifest, selection: { ...manifest.selection, drawn: names } }),
      );
    rewrite([...drawn, "noiseMultiplier-2"]);
    expect(selectedOf(out, readRuns([out]).runs)).toMatchObject({ unfinished: 1 });
    expect(selectedOf(out, readRuns([out]).runs)?.best).toBeUndefined();
    rewrite([]);
    expect(selectedOf(out, [])).toMatchObject({ unfinished: 0, best: undefined });
  });

  it.each([
    ["is not private", { variants: { plain: { strategy: "none", privacy: null } } }],
    ["has a seed", { set: { ...changes.set, seed: 1 } }],
    ["has no test data", { set: { ...changes.set, data: { test: null } } }],
    [
      "nothing is proved here of discrete noise",
      { set: { ...changes.set, strategy: "fused", privacy: { noise: "discrete", group: null } } },
    ],
    [
      "a probability of failure",
      {
        set: {
          ...changes.set,
          sampling: { type: "truncatedPoisson", maxBatch: 60 },
          privacy: { relation: "zero-out", group: null },
        },
      },
    ],
    ["allowed: one relation", { variants: { a: {}, b: { privacy: { relation: "replace-one" } } } }],
    ["mean must be a number in (1, 100000]", { selection: { ...selection, mean: 1 } }],
  ])("refuses what the theorem does not cover: %s", async (reason, more) => {
    const { code, stderr } = await sweep(more);
    expect([code, stderr]).toEqual([1, expect.stringContaining(reason)]);
    expect(stderr).toContain("selection");
    expect(existsSync(join(out, "run-001"))).toBe(false);
  });
});

describe("ε of the best of runs drawn from several", () => {
  it("is at least that of each, and of curves that cross at most that of both together", () => {
    const few = [{ samplingRate: 1, noiseMultiplier: 5, steps: 1 }];
    const many = [{ samplingRate: 0.001, noiseMultiplier: 0.6, steps: 500 }];
    const one = [few, many].map((steps) => selectionEpsilon(steps, law, 1e-6).epsilon);
    const any = selectionEpsilonOfAny([few, many], law, 1e-6).epsilon;
    expect(any).toBeGreaterThanOrEqual(Math.max(...one));
    expect(any).toBeLessThanOrEqual(selectionEpsilon([...few, ...many], law, 1e-6).epsilon);
    expect(() => selectionEpsilonOfAny([], law, 1e-6)).toThrow("candidates must hold at least one");
  });
});
