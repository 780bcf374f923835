// npm start: sets the clone up and trains the MNIST example. `npm start -- ARGS` hands ARGS to `hushgrad train`.
import { join } from "node:path";
import { run } from "./lib/run.mjs";
import { root, runMain, setup } from "./setup.mjs";

await runMain(async () => {
  await setup();
  const config = join("examples", "mnist.json");
  return run(process.execPath, [join("dist", "cli", "main.js"), "train", config, ...process.argv.slice(2)], {
    cwd: root,
  });
});
