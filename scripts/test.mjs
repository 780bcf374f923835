// npm test: sets the clone up and runs every test: native (GoogleTest by ctest), then TypeScript (Vitest, slow ones
// included). `npm test -- ARGS` hands ARGS to Vitest and leaves the native tests out.
//
// Reports for CI: build/reports/native.xml (JUnit), build/reports/vitest.json.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildNativeTests } from "./lib/native-tests.mjs";
import { countJUnit, countVitest } from "./lib/reports.mjs";
import { run } from "./lib/run.mjs";
import { root, runMain, setup } from "./setup.mjs";

const reports = join(root, "build", "reports");
const nativeReport = join(reports, "native.xml");
const vitestReport = join(reports, "vitest.json");

/** @returns {Promise<import("./lib/reports.mjs").Counts>} */
async function runNativeTests() {
  console.log("Building the native tests …");
  await buildNativeTests(root, "native-tests");
  await run("ctest", ["--preset", "native-tests", "--progress", "--no-tests=error", "--output-junit", nativeReport], {
    cwd: root,
  });
  return countJUnit(readFileSync(nativeReport, "utf8"));
}

/** @param {readonly string[]} args @returns {Promise<import("./lib/reports.mjs").Counts>} */
async function runVitest(args) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`];
  const env = { ...process.env, HUSHGRAD_SLOW: process.env.HUSHGRAD_SLOW ?? "1" };
  const status = await run(process.execPath, [vitest, "run", ...reporters, ...args], { cwd: root, env });
  const counts = countVitest(JSON.parse(readFileSync(vitestReport, "utf8")));
  // An error outside any test (an unhandled rejection) fails the run without failing a test.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

await runMain(async () => {
  const args = process.argv.slice(2);
  await setup({ purposes: ["build", "test"] });
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const native = args.length === 0 ? await runNativeTests() : { passed: 0, failed: 0, skipped: 0 };
  const script = await runVitest(args);
  const line = (/** @type {import("./lib/reports.mjs").Counts} */ counts) =>
    `${counts.passed} passed, ${counts.failed} failed`;
  console.log(`\nnative tests: ${line(native)}\nTypeScript tests: ${line(script)}`);
  return native.failed + script.failed === 0 ? 0 : 1;
});
