// node scripts/clang-format.mjs [--check]: formats the C++ files, or says which are not formatted.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./lib/run.mjs";
import { installPackages, missingPackages } from "./lib/system-packages.mjs";
import { root, runMain } from "./setup.mjs";

await runMain(async () => {
  await installPackages(missingPackages(["lint"]));
  const names = readdirSync(join(root, "native"), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.(cpp|cu|h)$/.test(name)).map((name) => join("native", name));
  const mode = process.argv.includes("--check") ? ["--dry-run", "-Werror"] : ["-i"];
  return run("clang-format", [...mode, ...files], { cwd: root });
});
