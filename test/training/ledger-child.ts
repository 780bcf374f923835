/**
 * Trains until it is killed: `ledger-child FOLDER COUNTER [FOLDER COUNTER…]`, all of these runs at once. Every update adds a
 * byte to its run's COUNTER before it begins, so that the file counts, outside of the ledger and not below it, what was
 * done to the data. Says `ready` on stdout when the data are there; exits with 3 where a folder is another process's.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../../src/training/config.js";
import { RunDirectoryError } from "../../src/training/run-directory.js";
import { Session } from "../../src/training/session.js";
import { Trainer } from "../../src/training/trainer.js";
import { endless, size, train } from "./child-data.js";

/** The open counter of the run that calls. */
const counters = new AsyncLocalStorage<number>();
const step = Session.prototype.step;
Session.prototype.step = function counted(this: Session, ...args: Parameters<typeof step>) {
  writeSync(counters.getStore() as number, "u");
  return step.apply(this, args);
};

const config = parseConfig({
  ...endless,
  optimizer: { type: "sgd", learningRate: 0.1, momentum: 0.9 },
  privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: size },
  checkpointEvery: 7,
});

async function run(folder: string): Promise<void> {
  try {
    await new Trainer({ config, train, out: folder, resume: existsSync(join(folder, "ledger.jsonl")) }).run();
  } catch (error) {
    if (!(error instanceof RunDirectoryError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}

const places = process.argv.slice(2);
process.stdout.write("ready\n");
await Promise.all(
  places.flatMap((folder, i) => {
    if (i % 2 === 1) return [];
    return counters.run(openSync(places[i + 1] as string, "a"), () => run(folder));
  }),
);
