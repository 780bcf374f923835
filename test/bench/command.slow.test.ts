/** The command as its users run it: from the sources, each pair in a process of its own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type BenchResult, gradientImplementations } from "../../src/bench/results.js";

const folder = mkdtempSync(join(tmpdir(), "hushgrad-bench-"));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: string[]) {
  const quick = ["--rounds", "1", "--slot", "1", "--no-kernels"];
  return spawnSync(process.execPath, ["--import", tsx, "src/cli/main.ts", "bench", ...quick, ...args], {
    encoding: "utf8",
  });
}

describe("hushgrad bench", () => {
  const [json, html] = [join(folder, "new", "bench.json"), join(folder, "bench.html")];
  const run = bench("--workloads", "mlp,mnist-cnn", "--strategies", "none,auto,ghost", "--json", json, "--html", html);
  const result = JSON.parse(readFileSync(json, "utf8")) as BenchResult;

  test("writes machine and rows", () => {
    expect(run.status).toBe(0);
    expect(result.machine.cores).toBeGreaterThanOrEqual(1);
    expect(Object.keys(result.machine.libraries)).toContain("oneDNN");
    const pairs = result.rows.map(({ workload, strategy }) => `${workload} ${strategy}`);
    expect(pairs).toEqual(["mlp", "mnist-cnn"].flatMap((w) => ["none", "auto", "ghost"].map((s) => `${w} ${s}`)));
    for (const row of result.rows) {
      expect(row).toMatchObject({ engine: "hushgrad", batch: 256, private: row.strategy !== "none", rounds: 1 });
      expect(row.examplesPerSecond).toBeCloseTo((256 / row.msPerStep) * 1000, 6);
      expect(row.peakBytes).toBeGreaterThan(0);
      expect(row.plannedBytes).toBeGreaterThan(0);
    }
    expect(result.rows.find(({ strategy }) => strategy === "none")?.overhead).toBe(1);
    expect(result.skipped).toEqual([]);
    expect(result.kernels).toEqual([]);
  });

  test("counts the parameters of mlp in its memory", () => {
    const parameters = 4 * (784 * 1000 + 1000 * 1000 + 1000 * 10);
    for (const row of result.rows.filter(({ workload }) => workload === "mlp")) {
      expect(row.peakBytes).toBeGreaterThan(parameters);
    }
  });

  test("shows a table on stdout and what is under way on stderr", () => {
    expect(run.stdout).toContain("planned MB");
    expect(run.stdout).not.toContain("round 1 of 1");
    expect(run.stderr).toContain("mnist-cnn: round 1 of 1");
  });

  test("draws a page that needs nothing else", () => {
    const page = readFileSync(html, "utf8");
    expect(page.match(/<svg /g)).toHaveLength(4);
    expect(page).not.toMatch(/<script|(src|href)="http/);
  });
});

test("measures clipping of ready gradients too, within half a minute or so, and draws it", () => {
  const [json, html] = [join(folder, "kernels.json"), join(folder, "kernels.html")];
  const args = ["--workloads", "mnist-cnn", "--strategies", "auto", "--rounds", "1", "--json", json, "--html", html];
  const run = spawnSync(process.execPath, ["--import", tsx, "src/cli/main.ts", "bench", ...args], { encoding: "utf8" });
  expect(run.status).toBe(0);
  const { rows, kernels } = JSON.parse(readFileSync(json, "utf8")) as BenchResult;
  expect(rows).toHaveLength(1);
  expect(new Set(kernels.map(({ implementation }) => implementation))).toEqual(new Set(gradientImplementations));
  expect(run.stdout).toContain("clipping ready gradients: naive ↔ fused");
  expect(readFileSync(html, "utf8").match(/<svg /g)).toHaveLength(4);
});

test("large logical batches are handed over slice by slice", () => {
  const json = join(folder, "large.json");
  const run = bench("--workloads", "mnist-cnn", "--strategies", "auto", "--batch", "1000", "--json", json);
  expect(run.stderr).toContain("round 1 of 1");
  const [row] = (JSON.parse(readFileSync(json, "utf8")) as BenchResult).rows;
  expect(row).toMatchObject({ batch: 1000, strategy: "auto" });
  expect(row).not.toHaveProperty("overhead"); // nothing to compare with
});

test("peers that are not there are named, and the rest is measured", () => {
  const json = join(folder, "peers.json");
  const run = bench(
    "--workloads",
    "mnist-cnn",
    "--strategies",
    "none",
    "--peers",
    "--python",
    "/nowhere/python3",
    "--json",
    json,
  );
  expect(run.status).toBe(0);
  const { rows, skipped } = JSON.parse(readFileSync(json, "utf8")) as BenchResult;
  expect(rows).toHaveLength(1);
  expect(skipped.map(({ engine }) => engine)).toEqual([
    "pytorch",
    "pytorch-compile",
    "opacus",
    "opacus-ghost",
    "fastdp",
    "jax-privacy",
  ]);
  for (const { reason } of skipped) expect(reason).toContain("ENOENT");
});

test("only the peers that are named are tried", () => {
  const json = join(folder, "named.json");
  const peers = ["--peers", "pytorch,opacus", "--python", "/nowhere/python3"];
  bench("--workloads", "mnist-cnn", "--strategies", "none", ...peers, "--json", json);
  const { skipped } = JSON.parse(readFileSync(json, "utf8")) as BenchResult;
  expect(skipped.map(({ engine }) => engine)).toEqual(["pytorch", "opacus"]);
});

test.each([
  ["--workloads", "mlp,lenet"],
  ["--strategies", "none,quick"],
  ["--batch", "0"],
  ["--rounds", "1.5"],
  ["--peers", "pytorch,keras"],
])("%s %s is refused, with what is allowed", (flag, value) => {
  const run = bench(flag, value);
  expect(run.status).toBe(2);
  expect(run.stderr).toContain(flag);
  expect(run.stderr).toContain("Allowed");
});
