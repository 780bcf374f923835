/** What the benchmarks of the repository say to those who ask, or mistype. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

function run(script: string, ...args: string[]) {
  return spawnSync(process.execPath, ["--import", tsx, script, ...args], { encoding: "utf8", timeout: 150_000 });
}

describe.each([
  ["bench/check/main.ts", "npm run bench:check --", ["--groups", "--update", "--runs"]],
  ["bench/kernels/main.ts", "npm run bench:kernels --", ["memory", "own", "--json", "--html"]],
])("%s", (script, usage, mentioned) => {
  test("explains itself", () => {
    const { status, stdout, stderr } = run(script, "--help");
    expect(stderr).toBe("");
    expect(stdout).toContain(`Usage: ${usage} [options]`);
    for (const word of mentioned) expect(stdout).toContain(word);
    expect(status).toBe(0);
  });

  test("an option that it does not have is named, without a stack trace", () => {
    const { status, stdout, stderr } = run(script, "--bogus");
    expect(stderr).toBe("error: unknown option '--bogus'\n(--help lists the options)\n");
    expect(stdout).toBe("");
    expect(status).toBe(1);
  });
});

test.each([
  [["--groups", "mlp,lenet"], "'--groups <names>' argument 'mlp,lenet' is invalid. Allowed, separated by commas: mlp,"],
  [["--update", "--runs", "1"], "'--runs <count>' argument '1' is invalid. Allowed: an integer in [2, 1000]."],
  [["--runs", "3"], "--runs is of --update alone"],
])("bench:check %j is refused, with what is allowed", (args, message) => {
  const { status, stdout, stderr } = run("bench/check/main.ts", ...args);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("    at ");
  expect(stdout).toBe("");
  expect(status).toBe(1);
});

test.each([
  [["gem"], "argument value 'gem' is invalid for argument 'suites'. Allowed choices are memory, own, gemm"],
  [["gemm", "--json", "x.json"], "--json and --html tell what the suite own measures: name it too"],
])("bench:kernels %j is refused, with what is allowed", (args, message) => {
  const { status, stderr } = run("bench/kernels/main.ts", ...args);
  expect(stderr).toContain(message);
  expect(status).toBe(1);
});
