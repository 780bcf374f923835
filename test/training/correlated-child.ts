/** Trains with carried noise until it is killed: `correlated-child FOLDER`. Says each step on stdout. */
import { existsSync } from "node:fs";
import { parseConfig } from "../../src/training/config.js";
import { runPaths } from "../../src/training/run-directory.js";
import { Trainer } from "../../src/training/trainer.js";
import { endless, train } from "./child-data.js";

const config = parseConfig({
  ...endless,
  privacy: { noiseMultiplier: 1, delta: 1e-5, correlation: { type: "bisr", bands: 4 } },
  sampling: { type: "cyclicPoisson", blocks: 10 },
  checkpointEvery: 3,
});
const out = process.argv[2] as string;
const trainer = new Trainer({ config, train, out, resume: existsSync(runPaths(out).ledger) });
trainer.on("step", ({ step }) => process.stdout.write(`${step}\n`));
await trainer.run();
