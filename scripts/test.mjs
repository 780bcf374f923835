// npm test: sets the clone up and runs every test: native (GoogleTest), TypeScript (Vitest), and the slow ones
// (packaging, long runs) after those. `npm test -- ARGS` hands ARGS to Vitest and leaves the native tests out.
//
// Reports for CI: build/reports/native.json (counts), vitest.json and vitest-slow.json beside it.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildNative } from "./build-native.mjs";
import { runTestProgram } from "./lib/native-tests.mjs";
import { countVitest } from "./lib/reports.mjs";
import { run } from "./lib/run.mjs";
import { root, runMain, setup } from "./setup.mjs";

const reports = join(root, "build", "reports");

/** @returns {Promise<import("./lib/reports.mjs").Counts>} */
async function runNativeTests() {
  console.log("Building the native tests …");
  const folder = join(root, "build", "native-tests");
  await buildNative({ log: join(root, "build", "native-tests.log"), tests: folder });
  const program = join(folder, "hushgrad_tests");
  const counts = await runTestProgram(program, []);
  // The tests of a GPU once more, as one test, with a library that stands in for CUDA's and computes on the CPU.
  const library = join(folder, "libhushgrad_cuda_host.so");
  const host = await runTestProgram(program, ["--gtest_filter=CudaDevice*"], { HUSHGRAD_CUDA_LIBRARY: library });
  const hostPassed = host.failed === 0 && host.skipped === 0;
  if (!hostPassed) console.log(`[  FAILED  ] cuda_on_the_host: ${host.failed} failed, ${host.skipped} were skipped`);
  counts[hostPassed ? "passed" : "failed"]++;
  writeFileSync(join(reports, "native.json"), JSON.stringify(counts));
  return counts;
}

/**
 * @param {"quick" | "slow"} kind
 * @param {readonly string[]} args
 * @returns {Promise<import("./lib/reports.mjs").Counts>}
 */
async function runVitest(kind, args) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const report = join(reports, kind === "slow" ? "vitest-slow.json" : "vitest.json");
  const reporters = ["--reporter=default", "--silent=passed-only", "--reporter=json", `--outputFile.json=${report}`];
  // A filter may name quick tests only, or slow ones only.
  const filtered = args.length > 0 ? ["--passWithNoTests"] : [];
  const env = { ...process.env, HUSHGRAD_SLOW: kind === "slow" ? "1" : "0" };
  const status = await run(process.execPath, [vitest, "run", ...reporters, ...filtered, ...args], { cwd: root, env });
  if (!existsSync(report)) return { passed: 0, failed: status === 0 ? 0 : 1, skipped: 0 };
  const counts = countVitest(JSON.parse(readFileSync(report, "utf8")));
  // An error outside any test (an unhandled rejection) fails the run without failing a test.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

await runMain(async () => {
  const args = process.argv.slice(2);
  await setup({ purposes: ["build", "test"] });
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const outcomes = {
    native: args.length === 0 ? await runNativeTests() : { passed: 0, failed: 0, skipped: 0 },
    TypeScript: await runVitest("quick", args),
    slow: await runVitest("slow", args),
  };
  console.log("");
  for (const [kind, counts] of Object.entries(outcomes)) {
    console.log(`${kind} tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
  return Object.values(outcomes).every(({ failed }) => failed === 0) ? 0 : 1;
});
