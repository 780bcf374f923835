// npm run sanitize: the native tests under AddressSanitizer and UndefinedBehaviorSanitizer. Arguments go to GoogleTest.
import os from "node:os"; // whole, as in lib/native-tests.mjs
import { join } from "node:path";
import { buildNativeTests } from "./lib/native-tests.mjs";
import { run } from "./lib/run.mjs";
import { installPackages, missingPackages } from "./lib/system-packages.mjs";
import { root, runMain } from "./setup.mjs";

await runMain(async () => {
  await installPackages(missingPackages(["build", "test"]));
  console.log("Building the native tests with sanitizers …");
  await buildNativeTests(root, "sanitize");
  const tests = join(root, "build", "native-sanitize", "hushgrad_tests");
  const shards = os.availableParallelism();
  const runs = Array.from({ length: shards }, (_, shard) => {
    const env = {
      ...process.env,
      ASAN_OPTIONS: "detect_stack_use_after_return=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
      GTEST_TOTAL_SHARDS: String(shards),
      GTEST_SHARD_INDEX: String(shard),
    };
    return run(tests, ["--gtest_brief=1", ...process.argv.slice(2)], { cwd: root, env });
  });
  return Math.max(...(await Promise.all(runs)));
});
