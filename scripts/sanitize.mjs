// npm run sanitize: the native tests under AddressSanitizer and UndefinedBehaviorSanitizer. Arguments go to GoogleTest.
import os from "node:os"; // whole, as in lib/native-tests.mjs
import { join } from "node:path";
import { runTestProgram } from "./lib/native-tests.mjs";
import { runLogged } from "./lib/run.mjs";
import { findExecutable, installPackages, missingPackages } from "./lib/system-packages.mjs";
import { root, runMain } from "./setup.mjs";

async function build() {
  const log = join(root, "build", "sanitize.log");
  const env = { ...process.env, ...(findExecutable("ninja") ? { CMAKE_GENERATOR: "Ninja" } : {}) };
  const options = { cwd: root, env };
  await runLogged("Configuring the native tests", log, "cmake", ["--preset", "sanitize"], options);
  const jobs = String(os.availableParallelism());
  const args = ["--build", "--preset", "sanitize", "--target", "hushgrad_tests", "--parallel", jobs];
  await runLogged("Building the native tests", log, "cmake", args, options);
}

await runMain(async () => {
  await installPackages(missingPackages(["build", "test"]));
  console.log("Building the native tests with sanitizers …");
  await build();
  const counts = await runTestProgram(join(root, "build", "native-sanitize", "hushgrad_tests"), process.argv.slice(2), {
    ASAN_OPTIONS: "detect_stack_use_after_return=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
  });
  console.log(`under sanitizers: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 ? 0 : 1;
});
