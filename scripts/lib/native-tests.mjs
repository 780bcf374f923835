// Builds the native tests of a preset (CMakePresets.json) and runs them.
import os from "node:os"; // whole: an old Node has no availableParallelism, and is to be told so
import { join } from "node:path";
import { runLogged } from "./run.mjs";
import { findExecutable } from "./system-packages.mjs";

/**
 * @param {string} root
 * @param {"native-tests" | "sanitize" | "debug"} preset
 * @returns {Promise<void>}
 */
export async function buildNativeTests(root, preset) {
  const log = join(root, "build", `${preset}.log`);
  const env = { ...process.env, ...(findExecutable("ninja") ? { CMAKE_GENERATOR: "Ninja" } : {}) };
  const options = { cwd: root, env };
  await runLogged("Configuring the native tests", log, "cmake", ["--preset", preset], options);
  const jobs = String(os.availableParallelism());
  await runLogged(
    "Building the native tests",
    log,
    "cmake",
    ["--build", "--preset", preset, "--parallel", jobs],
    options,
  );
}
