// .ci/run: the tests and, beside them, every other check, each counted; the last line is "N passed, N failed". What is
// not `npm test` prints once it has ended.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildCudaLibrary, cudaToolkit } from "./lib/cuda-toolkit.mjs";
import { nodeBinary } from "./lib/node-binary.mjs";
import { countVitest } from "./lib/reports.mjs";
import { run, SetupError } from "./lib/run.mjs";
import { installPackages, missingPackages } from "./lib/system-packages.mjs";
import { root, setup } from "./setup.mjs";

const reports = join(root, "build", "reports");
const logs = join(root, "build", "ci");
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

/** @typedef {import("./lib/run.mjs").run} Run */
/** @typedef {number | { passed: number, failed: number }} Outcome an exit status, or counts */

/**
 * One check: what fails, or throws, is one failure.
 *
 * @param {string} name
 * @param {() => Promise<Outcome>} work
 */
async function check(name, work) {
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

/** @param {string} name @param {() => Promise<Outcome>} work */
async function checkAloud(name, work) {
  console.log(`\n── ${name}`);
  await check(name, work);
}

/**
 * A check whose commands' output is held back until it has ended, so that it does not run into that of others.
 *
 * @param {string} name
 * @param {(runHeld: Run) => Promise<Outcome>} work
 */
async function checkAside(name, work) {
  mkdirSync(logs, { recursive: true });
  const log = join(logs, `${name.replaceAll(/[^\w]+/g, "-")}.log`);
  const file = openSync(log, "w");
  /** @type {Run} */
  const runHeld = (command, args, options) => run(command, args, { ...options, stdio: ["ignore", file, file] });
  await check(name, () => work(runHeld));
  closeSync(file);
  console.log(`\n── ${name}\n${readFileSync(log, "utf8")}\n── end of ${name}`);
}

/** A report that is not there (the runner died) is a failure. @param {string} path @param {(text: string) => { passed: number, failed: number }} read */
function readReport(path, read) {
  return existsSync(path) ? read(readFileSync(path, "utf8")) : { passed: 0, failed: 1 };
}

const readVitest = (/** @type {string} */ text) => countVitest(JSON.parse(text));

/** Installs packages, if it can. @param {string[]} purposes @returns {Promise<boolean>} whether they are there now */
async function installIfPossible(...purposes) {
  try {
    await installPackages(missingPackages(purposes));
    return true;
  } catch (error) {
    console.log(error instanceof SetupError ? error.message : error);
    return false;
  }
}

/** The clone, node-gyp's route and the tarball's compile the same sources: all but the first find them. */
async function cacheCompilations() {
  if (!(await installIfPossible("cache"))) return;
  for (const language of ["C", "CXX"]) process.env[`CMAKE_${language}_COMPILER_LAUNCHER`] = "ccache";
  // Each route builds in a folder of its own: build-native.mjs sees to it that this makes no difference.
  Object.assign(process.env, {
    CCACHE_DIR: join(root, "build", "ccache"),
    CCACHE_BASEDIR: root,
    CCACHE_NOHASHDIR: "1",
  });
}

/** The README's test command, with its own set-up. */
async function runTests() {
  rmSync(reports, { recursive: true, force: true }); // an older run's must not count
  const status = await run("npm", ["test"], { cwd: root });
  const outcomes = [
    readReport(join(reports, "native.json"), JSON.parse),
    readReport(join(reports, "vitest.json"), readVitest),
    readReport(join(reports, "vitest-slow.json"), readVitest),
  ];
  const passed = outcomes.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = outcomes.reduce((sum, counts) => sum + counts.failed, 0);
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed };
}

/** @param {string} major @param {Run} run */
async function runUnitTestsOn(major, run) {
  const node = await nodeBinary(root, major);
  const report = join(logs, `vitest-node${major}.json`);
  rmSync(report, { force: true });
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--silent=passed-only", "--reporter=json", `--outputFile.json=${report}`];
  const status = await run(node, [vitest, "run", ...reporters], { cwd: root });
  const counts = readReport(report, readVitest);
  return counts.failed === 0 && status !== 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * Compiles alone: what the kernels compute is tested on the CPU (native/test/backend/cuda) and, where there is one, a GPU.
 *
 * @param {Run} run
 */
async function compileCuda(run) {
  let nvcc = "";
  try {
    nvcc = await cudaToolkit(join(root, "build", "cuda-toolkit.log"));
  } catch (error) {
    console.log(`CUDA library, skipped: ${error instanceof Error ? error.message : error}`);
    return { passed: 0, failed: 0 };
  }
  return buildCudaLibrary(root, nvcc, run);
}

/** What needs no more than one core for a good part of its time, beside the tests, which do not either. */
async function checkTheRest() {
  await checkAside("native tests under sanitizers", (run) =>
    run("npm", ["run", "--silent", "sanitize"], { cwd: root }),
  );
  await checkAside("set-up for the other checks", async () => {
    await setup({ purposes: ["build", "test", "lint"] });
    return 0;
  });
  await checkAside("Biome", (run) => run("npx", ["--no", "biome", "check"], { cwd: root }));
  await checkAside("type check", (run) => run("npm", ["run", "--silent", "typecheck"], { cwd: root }));
  await checkAside("clang-format", (run) =>
    run(process.execPath, ["scripts/clang-format.mjs", "--check"], { cwd: root }),
  );
  await checkAside("CUDA library", compileCuda);
  // `npm test` has run them on this Node.js.
  const majors = ["20", "24"].filter((major) => major !== process.versions.node.split(".")[0]);
  for (const major of majors) await checkAside(`unit tests on Node ${major}`, (run) => runUnitTestsOn(major, run));
}

process.env.HUSHGRAD_WERROR = "1";
// Together, for each installation looks at the repositories anew; one by one where that fails. "page" is a browser: the
// test that opens a page says so where there is none, and is skipped.
const purposes = ["build", "test", "lint", "page"];
if (!(await installIfPossible(...purposes, "cache"))) {
  for (const purpose of purposes) await installIfPossible(purpose);
}
await cacheCompilations();
await Promise.all([checkAloud("npm test", runTests), checkTheRest()]);
await checkAloud("bench:check", () => run("npm", ["run", "--silent", "bench:check"], { cwd: root })); // alone: it measures

console.log(`\n${summary.join("\n")}\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
