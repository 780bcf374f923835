// node scripts/with-setup.mjs COMMAND ARGS…: sets the clone up, then runs a command of node_modules/.bin (or of PATH).
import { delimiter, join } from "node:path";
import { run, SetupError } from "./lib/run.mjs";
import { root, runMain, setup } from "./setup.mjs";

await runMain(async () => {
  const [command, ...args] = process.argv.slice(2);
  if (!command) throw new SetupError("Usage: node scripts/with-setup.mjs COMMAND ARGS…");
  await setup();
  const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  return run(command, args, { env: { ...process.env, PATH: path } });
});
