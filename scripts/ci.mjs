// .ci/run: the tests, then every other check, each counted; the last line is "N passed, N failed".
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildCudaLibrary, cudaToolkit } from "./lib/cuda-toolkit.mjs";
import { nodeBinary } from "./lib/node-binary.mjs";
import { countJUnit, countVitest } from "./lib/reports.mjs";
import { run, SetupError } from "./lib/run.mjs";
import { installPackages, missingPackages } from "./lib/system-packages.mjs";
import { root, setup } from "./setup.mjs";

const reports = join(root, "build", "reports");
const total = { passed: 0, failed: 0 };
/** @type {string[]} */
const summary = [];

/** @param {string} name @param {{ passed: number, failed: number }} counts @param {number} start */
function count(name, counts, start) {
  total.passed += counts.passed;
  total.failed += counts.failed;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  summary.push(
    `${counts.failed === 0 ? "ok    " : "FAILED"}  ${name}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`,
  );
}

/**
 * One check: what fails, or throws, is one failure.
 *
 * @param {string} name
 * @param {() => Promise<number | { passed: number, failed: number }>} work an exit status, or counts
 */
async function check(name, work) {
  console.log(`\n── ${name}`);
  const start = performance.now();
  try {
    const outcome = await work();
    const counts =
      typeof outcome === "number" ? { passed: Number(outcome === 0), failed: Number(outcome !== 0) } : outcome;
    count(name, counts, start);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    count(name, { passed: 0, failed: 1 }, start);
  }
}

/** @param {string} name @param {string[]} [args] */
const npm = (name, args = []) => run("npm", ["run", "--silent", name, ...args], { cwd: root });

/** A report that is not there (the runner died) is a failure. @param {string} file @param {(text: string) => { passed: number, failed: number }} read */
function readReport(file, read) {
  const path = join(reports, file);
  return existsSync(path) ? read(readFileSync(path, "utf8")) : { passed: 0, failed: 1 };
}

const readVitest = (/** @type {string} */ text) => countVitest(JSON.parse(text));

/** Installs what CI can do without, if it can. @param {string} purpose @returns {Promise<boolean>} whether it is there now */
async function installIfPossible(purpose) {
  try {
    await installPackages(missingPackages([purpose]));
    return true;
  } catch (error) {
    console.log(error instanceof SetupError ? error.message : error);
    return false;
  }
}

/** The clone, its native tests, node-gyp's route and the tarball's compile the same sources: all but the first find them. */
async function cacheCompilations() {
  if (!(await installIfPossible("cache"))) return;
  for (const language of ["C", "CXX"]) process.env[`CMAKE_${language}_COMPILER_LAUNCHER`] = "ccache";
  // Paths are told apart by what they end in: each route builds in a folder of its own.
  Object.assign(process.env, { CCACHE_DIR: join(root, "build", "ccache"), CCACHE_BASEDIR: "/", CCACHE_NOHASHDIR: "1" });
}

/** The README's test command, with its own set-up. */
async function runTests() {
  rmSync(reports, { recursive: true, force: true }); // an older run's must not count
  const status = await run("npm", ["test"], { cwd: root });
  const outcomes = [
    readReport("native.xml", countJUnit),
    readReport("vitest.json", readVitest),
    readReport("vitest-slow.json", readVitest),
  ];
  const passed = outcomes.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = outcomes.reduce((sum, counts) => sum + counts.failed, 0);
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed };
}

/** @param {string} major */
async function runUnitTestsOn(major) {
  const node = await nodeBinary(root, major);
  const report = `vitest-node${major}.json`;
  mkdirSync(reports, { recursive: true });
  rmSync(join(reports, report), { force: true });
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  const reporters = [
    "--reporter=default",
    "--silent=passed-only",
    "--reporter=json",
    `--outputFile.json=${join(reports, report)}`,
  ];
  const status = await run(node, [vitest, "run", ...reporters], { cwd: root });
  const counts = readReport(report, readVitest);
  return counts.failed === 0 && status !== 0 ? { ...counts, failed: 1 } : counts;
}

/** Compiles alone: what the kernels compute is tested on the CPU (native/test/backend/cuda) and, where there is one, a GPU. */
async function compileCuda() {
  let nvcc = "";
  try {
    nvcc = await cudaToolkit(join(root, "build", "cuda-toolkit.log"));
  } catch (error) {
    console.log(`skipped: ${error instanceof Error ? error.message : error}`);
    return { passed: 0, failed: 0 };
  }
  return buildCudaLibrary(root, nvcc);
}

await installIfPossible("page"); // a browser: the test that opens a page says so where there is none, and is skipped
await cacheCompilations();
await check("npm test", runTests);
await check("set-up for the other checks", async () => {
  await setup({ purposes: ["build", "test", "lint"] });
  return 0;
});
await check("Biome", () => run("npx", ["--no", "biome", "check"], { cwd: root }));
await check("type check", () => npm("typecheck"));
await check("clang-format", () => run(process.execPath, ["scripts/clang-format.mjs", "--check"], { cwd: root }));
await check("CUDA library", compileCuda);
await check("bench:check", () => npm("bench:check"));
await check("native tests under sanitizers", () => npm("sanitize"));
// `npm test` has run them on this Node.js.
const majors = ["20", "24"].filter((major) => major !== process.versions.node.split(".")[0]);
for (const major of majors) await check(`unit tests on Node ${major}`, () => runUnitTestsOn(major));

console.log(`\n${summary.join("\n")}\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
