// Makes a clone ready: npm packages, system packages, the addon, dist/. What is up to date is not done again: a second
// run takes a fraction of a second. Node built-ins only, for nothing is installed yet.
//
//   node scripts/setup.mjs            what training takes
//   node scripts/setup.mjs --test     and what the tests take
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withLock } from "./lib/lock.mjs";
import { installPackagesOf, packagesAreInstalled } from "./lib/packages.mjs";
import { problem } from "./lib/platform.mjs";
import { SetupError } from "./lib/run.mjs";
import { isCurrent, stampOf, writeStamp } from "./lib/stamps.mjs";
import { installPackages, missingPackages } from "./lib/system-packages.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const log = join(root, "build", "setup.log");

/**
 * @param {{ purposes?: readonly ("build" | "test" | "lint")[] }} [options]
 * @throws {SetupError} with one message that says what to do
 */
export async function setup({ purposes = ["build"] } = {}) {
  const reason = problem();
  if (reason) throw new SetupError(reason);
  await withLock(join(root, "build", "setup.lock"), async () => {
    await setupPackages();
    await setupSystem(purposes);
    await setupNative();
    await setupDist();
  });
}

async function setupPackages() {
  if (packagesAreInstalled(root)) return;
  await timed("Installing npm packages", () => installPackagesOf(root, log));
}

/** @param {readonly string[]} purposes */
async function setupSystem(purposes) {
  // What only building takes is not asked for when the addon is built already.
  const wanted = nativeIsCurrent() ? purposes.filter((purpose) => purpose !== "build") : purposes;
  if (wanted.length === 0) return;
  await installPackages(missingPackages(wanted.includes("test") ? [...wanted, "build"] : wanted));
}

const nativeStampFile = join(root, "build", "native.stamp");

function nativeStamp() {
  const folders = readdirSync(join(root, "native")).filter((name) => name !== "test");
  const sources = folders.map((name) => `native/${name}`);
  const inputs = ["CMakeLists.txt", "cmake", "scripts/build-native.mjs", "src/native/binding.ts", ...sources];
  return stampOf(root, inputs, [process.platform, process.arch, root]);
}

function nativeIsCurrent() {
  return isCurrent(nativeStampFile, nativeStamp(), join(root, "build", "Release", "hushgrad.node"));
}

async function setupNative() {
  if (nativeIsCurrent()) return;
  const stamp = nativeStamp();
  await timed("Building the native addon (a few minutes the first time)", async () => {
    const { buildNative } = await import("./build-native.mjs");
    await buildNative({ log });
    writeStamp(nativeStampFile, stamp);
  });
}

async function setupDist() {
  const inputs = [
    "src",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "scripts/build-ts.mjs",
    "package-lock.json",
  ];
  const stamp = stampOf(root, inputs);
  const stampFile = join(root, "dist", ".stamp");
  if (!isCurrent(stampFile, stamp, join(root, "dist", "cli", "main.js"))) {
    await timed("Compiling TypeScript", async () => {
      const { buildTypeScript } = await import("./build-ts.mjs");
      await buildTypeScript();
    });
    writeStamp(stampFile, stamp);
  }
  linkCommand();
}

/** Lets `npx hushgrad` in the clone run the clone's own command. */
function linkCommand() {
  const main = join(root, "dist", "cli", "main.js");
  const link = join(root, "node_modules", ".bin", "hushgrad");
  if (!existsSync(main)) return;
  chmodSync(main, 0o755);
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync("../../dist/cli/main.js", link);
}

/** @param {string} what @param {() => Promise<unknown>} work */
async function timed(what, work) {
  const start = performance.now();
  process.stdout.write(`${what} … `);
  try {
    await work();
  } catch (error) {
    process.stdout.write("failed\n");
    throw error;
  }
  process.stdout.write(`done in ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
}

/**
 * Runs a script's main function; a failure that explains itself is printed without a stack.
 *
 * @param {() => Promise<number | void>} main gives the exit status
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const purposes = process.argv.includes("--test") ? /** @type {const} */ (["build", "test", "lint"]) : undefined;
  await runMain(() => setup(purposes ? { purposes } : {}));
}
