import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { SweepProgress } from "../../src/cli/sweep-progress.js";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { readGrid } from "../../src/sweep/grid.js";
import { readRuns } from "../../src/sweep/runs.js";
import { spentTogether } from "../../src/sweep/spent.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { temporaryFolder, tinyData } from "../training/tiny.js";
import { hushgrad, inProcess } from "./command.js";
import { cellNames, writeGrid } from "./grids.js";

const PROCESS_TIMEOUT = 600_000;

describe("hushgrad sweep", () => {
  let folder: string;
  let grid: string;
  let out: string;
  beforeEach(() => {
    folder = temporaryFolder();
    grid = writeGrid(folder);
    out = join(folder, "study");
  });

  const statuses = () => readRuns([out]).runs.map(({ name, status }) => [name, status]);
  const written = (name: string) => statSync(join(out, name, "state.safetensors")).mtimeMs;

  it("trains every cell as `train` would, tells what each spent and all together, and does nothing twice", async () => {
    const first = await inProcess(["sweep", grid, "--out", out]);
    expect(first).toMatchObject({ code: 0 });
    for (const name of cellNames) {
      for (const file of [
        "config.json",
        "ledger.jsonl",
        "metrics.csv",
        "privacy.json",
        "checkpoint.safetensors",
        "report.html",
      ])
        expect(existsSync(join(out, name, file))).toBe(true);
    }
    expect(first.stderr).toContain(`cell 2 of 5: ${cellNames[1]}\ntraining: 20 steps`);
    const { runs } = readRuns([out]);
    expect(runs.map(({ variant, values }) => [variant, values])).toEqual([
      ["without DP", {}],
      ["automatic clipping", { "privacy.noiseMultiplier": "0.5" }],
      ["automatic clipping", { "privacy.noiseMultiplier": "2" }],
      ["random sparsification", { "privacy.noiseMultiplier": "0.5" }],
      ["random sparsification", { "privacy.noiseMultiplier": "2" }],
    ]);
    const rows = [0.5, 2].map((noiseMultiplier) => ({ samplingRate: 0.1, noiseMultiplier, steps: 40 }));
    const epsilon = makeAccountant("prv").epsilonWith(rows, 1e-5);
    expect(spentTogether(runs)).toMatchObject({ runs: 4, epsilon, delta: 1e-5, group: { name: "patient", size: 4 } });
    expect(first.stdout).toMatch(/without-DP +finished +20 +not private/);
    expect(first.stdout).toMatch(/automatic-clipping_noiseMultiplier-2 +finished +20 +\d+\.\d+/);
    const shown = /All 4 private cells together: ε = (\d+\.?\d*) at δ = 1e-5/.exec(first.stdout)?.[1];
    expect(Number(shown)).toBeGreaterThanOrEqual(epsilon);
    expect(Number(shown)).toBeLessThan(epsilon * 1.001);

    const before = cellNames.map(written);
    const again = await inProcess(["sweep", grid, "--out", out]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain(`cell 5 of 5: ${cellNames[4]}, finished before`);
    expect(again.stderr).not.toContain("training:");
    expect(cellNames.map(written)).toEqual(before);
  });

  it(
    "stops on Ctrl-C after the step under way, and goes on with the half-done cell",
    async () => {
      // Long where it is stopped, so that it is stopped in time on a machine that is busy.
      const cells = {
        "without DP": { strategy: "none", privacy: null, steps: 20 },
        "automatic clipping": { clipping: { function: "autoS" }, steps: 1000 },
        "random sparsification": { sparsification: { rate: 0.5, refreshesPerEpoch: 2 }, steps: 20 },
      };
      grid = writeGrid(folder, { variants: cells, set: { epochs: null } });
      let asked = false;
      const stopped = await hushgrad(["sweep", grid, "--out", out], {
        onStderr: (text, child) => {
          if (asked || !/cell 2 of 5.*epoch 3\//s.test(text)) return;
          asked = true;
          child.kill("SIGINT");
        },
      });
      expect(stopped.code).toBe(130);
      expect(stopped.stderr).toContain("Stopping after this step");
      expect(stopped.stdout).toContain("3 of the cells were not reached; the same command goes on.");
      expect(statuses()).toEqual([
        [cellNames[0], "finished"],
        [cellNames[1], "interrupted"],
      ]);
      expect(existsSync(join(out, "sweep.lock"))).toBe(false);
      const { steps } = readRuns([out]).runs[1] as { steps: number };
      expect(steps).toBeLessThan(1000);
      const before = written(cellNames[0]);
      const resumed = await inProcess(["sweep", grid, "--out", out]);
      expect(resumed.code).toBe(0);
      expect(resumed.stderr).toContain(`cell 1 of 5: ${cellNames[0]}, finished before\ncell 2 of 5: ${cellNames[1]}\n`);
      expect(resumed.stderr).toContain(`resumed after step ${steps}\n`);
      expect(statuses()).toEqual(cellNames.map((name) => [name, "finished"]));
      expect(written(cellNames[0])).toBe(before);
    },
    PROCESS_TIMEOUT,
  );

  it("is refused beside another process in the same folder, and takes over from a dead one", async () => {
    mkdirSync(out);
    const lock = join(out, "sweep.lock");
    const holder = { pid: process.pid, host: hostname(), token: "0".repeat(16) };
    writeFileSync(lock, JSON.stringify(holder));
    expect(await inProcess(["sweep", grid, "--out", out])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `hushgrad: ${out} is in use by process ${process.pid}; if that is none of yours, delete ${lock}\n`,
    });
    expect(existsSync(join(out, cellNames[0]))).toBe(false);
    writeFileSync(lock, JSON.stringify({ ...holder, pid: 2 ** 22 + 1 })); // beyond Linux' largest
    expect((await inProcess(["sweep", grid, "--out", out, "--steps", "1"])).code).toBe(0);
  });

  it("names a cell that fails, trains the others and ends with 1", async () => {
    // A cell whose folder is taken by a run of another configuration, and one whose data are not there.
    const path = writeGrid(folder, {
      variants: { one: {}, two: { data: { train: { images: "nowhere" } } }, three: {} },
    });
    expect(
      (await inProcess(["train", join(folder, "base.json"), "--out", join(out, "one_noiseMultiplier-0.5")])).code,
    ).toBe(0);
    const { code, stderr, stdout } = await inProcess(["sweep", path, "--out", out]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /cell one_noiseMultiplier-0\.5 failed: .* holds a finished run of another configuration: another --out/,
    );
    expect(stderr).toMatch(/cell two_noiseMultiplier-2 failed: .*nowhere/);
    expect(stdout).toMatch(/two_noiseMultiplier-2 +failed +– +– +–/);
    expect(stdout).toMatch(/three_noiseMultiplier-2 +finished +20 /);
    expect(stdout).toContain("All 4 private cells together"); // the one that another command trained is counted too
  });

  it("keeps what cells of an earlier grid have spent, and does not add up what is damaged", async () => {
    expect((await inProcess(["sweep", grid, "--out", out, "--steps", "2"])).code).toBe(0);
    const path = writeGrid(folder, { grid: { "privacy.noiseMultiplier": [2] } });
    const { stdout } = await inProcess(["sweep", path, "--out", out, "--steps", "2"]);
    expect(stdout).toContain("All 4 private cells together");
    expect(stdout).not.toContain("noiseMultiplier-0.5");
    const ledger = join(out, cellNames[1], "ledger.jsonl");
    writeFileSync(ledger, readFileSync(ledger, "utf8").replace('"steps":2', '"steps":1'));
    const damaged = await inProcess(["sweep", path, "--out", out, "--steps", "2"]);
    expect(damaged.stdout).toMatch(/What a cell has spent cannot be told: .*ledger\.jsonl: line \d is damaged/);
    expect(damaged.stdout).not.toContain("together");
  });

  it("refuses a wrong grid and a damaged sweep.json before anything is trained", async () => {
    expect(await inProcess(["sweep", join(folder, "none.json"), "--out", out])).toMatchObject({ code: 1, stdout: "" });
    expect((await inProcess(["sweep", grid])).code).toBe(2);
    mkdirSync(out);
    writeFileSync(join(out, "sweep.json"), '{"format": 2}');
    const { code, stderr } = await inProcess(["sweep", grid, "--out", out]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hushgrad: .*sweep\.json: format: /);
    expect(existsSync(join(out, cellNames[0]))).toBe(false);
    rmSync(out, { recursive: true });
  });
});

describe("SweepProgress", () => {
  it("draws a bar of cells, and below it one of the cell under way", async () => {
    let drawn = "";
    const write = (text: string) => {
      drawn += text;
      return true;
    };
    const terminal = {
      isTTY: true,
      columns: 200,
      write,
      cursorTo() {},
      moveCursor() {},
      clearLine() {},
      clearScreenDown() {},
    };
    const progress = new SweepProgress(5, terminal as unknown as NodeJS.WriteStream);
    const [, cell] = readGrid(writeGrid(temporaryFolder())).cells;
    if (!cell) throw new Error("no cell");
    const trainer = new Trainer({ config: cell.config, train: tinyData(8) });
    progress.begin(trainer, cell);
    trainer.emit("start", { plan: planTraining(cell.config, 200), step: 4, seeded: false, lostSteps: 0 });
    await new Promise((resolve) => setTimeout(resolve, 300)); // bars are drawn every 100 ms
    progress.end({ cell, folder: "x", state: "failed", error: new Error("for\ra reason") });
    progress.stop();
    expect(drawn).toContain("0 of 5 cells done");
    expect(drawn).toContain(cell.name);
    expect(drawn).toMatch(/epoch – │.*ε –/);
    expect(drawn).toContain(`cell ${cell.name} failed: for\\x0da reason\n`);
    expect(drawn).toContain("1 of 5 cells done");
  });
});
