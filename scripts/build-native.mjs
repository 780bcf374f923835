// Builds build/Release/hushgrad.node: the one way behind `npm start`, `npm run build:native`, node-gyp (binding.gyp)
// and `hushgrad build`. cmake-js knows the Node-API headers (an npm package: nothing is downloaded).
//
//   node scripts/build-native.mjs [--config Release|Debug] [--jobs N]
//
// HUSHGRAD_WERROR=1: warnings are errors.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os"; // whole: an old Node has no availableParallelism, and is to be told so
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { run, runLogged, SetupError } from "./lib/run.mjs";
import { findExecutable } from "./lib/system-packages.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Configures and builds the addon; what is up to date is not built again.
 *
 * @param {{ config?: string, jobs?: number, log?: string | undefined, tests?: string }} [options] log: a file for the
 *   output; without it the output is on the terminal. tests: a folder for the native tests, made of the same objects
 * @returns {Promise<string>} the path of the built addon
 * @throws {SetupError} when the build fails
 */
export async function buildNative({ config = "Release", jobs = os.availableParallelism(), log, tests } = {}) {
  const work = join(root, "build", `cmake-${config.toLowerCase()}`);
  const output = join(root, "build", config);
  const generator = findExecutable("ninja") ? "Ninja" : "Unix Makefiles";
  removeForeignBuild(work, generator);
  const common = [cmakeJs(), "--directory", root, "--out", work, "--config", config, "--generator", generator];
  // Configured every time: it takes a second, and a run that was killed half way leaves nothing that a build trusts.
  const definitions = {
    HUSHGRAD_OUTPUT_DIRECTORY: output,
    HUSHGRAD_TESTS: tests ? "ON" : "OFF",
    HUSHGRAD_TESTS_DIRECTORY: tests ?? "",
    HUSHGRAD_WERROR: process.env.HUSHGRAD_WERROR ? "ON" : "OFF",
  };
  const flags = Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`);
  const configure = ["configure", "--log-level", "warn", ...flags];
  for (const step of [configure, ["build", "--log-level", "warn", "--parallel", String(jobs)]]) {
    await execute([...common, ...step], log);
  }
  return join(output, "hushgrad.node");
}

/** @param {string[]} args @param {string | undefined} log */
async function execute(args, log) {
  // To ccache, where it is the launcher, sources are the same in whatever folder they lie, at whatever depth.
  const options = { cwd: root, env: { ...process.env, CCACHE_BASEDIR: root } };
  if (log) return runLogged("Building the addon", log, process.execPath, args, options);
  const status = await run(process.execPath, args, options);
  if (status !== 0) throw new SetupError(`Building the addon failed (exit status ${status}).`);
}

function cmakeJs() {
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve("cmake-js/package.json")), "bin", "cmake-js");
  } catch {
    throw new SetupError("cmake-js is not installed. In a clone: npm ci; elsewhere: npm install hushgrad");
  }
}

/**
 * CMake refuses a cache that another folder or generator made (a clone that was moved, Ninja installed since).
 *
 * @param {string} work @param {string} generator
 */
function removeForeignBuild(work, generator) {
  const cache = join(work, "CMakeCache.txt");
  if (!existsSync(cache)) return;
  const text = readFileSync(cache, "utf8");
  const wanted = [`CMAKE_GENERATOR:INTERNAL=${generator}`, `CMAKE_HOME_DIRECTORY:INTERNAL=${root}`];
  if (wanted.every((line) => text.split("\n").includes(line))) return;
  rmSync(work, { recursive: true, force: true });
}

async function main() {
  const { values } = parseArgs({ options: { config: { type: "string" }, jobs: { type: "string" } } });
  const config = values.config ?? "Release";
  if (config !== "Release" && config !== "Debug") {
    throw new SetupError(`--config: got "${config}", allowed are Release and Debug`);
  }
  const jobs = values.jobs === undefined ? os.availableParallelism() : Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new SetupError(`--jobs: got "${values.jobs}", allowed is a number ≥ 1`);
  console.log(`Built ${await buildNative({ config, jobs })}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  });
}
