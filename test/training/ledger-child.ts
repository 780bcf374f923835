/**
 * Trains until it is killed: `ledger-child FOLDER COUNTER [FOLDER COUNTER…]`, all of these runs at once. Every update adds a
 * byte to its run's COUNTER before it begins, so that the file counts, outside of the ledger and not below it, what was
 * done to the data. Says `ready` on stdout when the data are there; exits with 3 where a folder is another process's.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ByteDataset } from "../../src/data/memory.js";
import { parseConfig } from "../../src/training/config.js";
import { RunDirectoryError } from "../../src/training/run-directory.js";
import { Session } from "../../src/training/session.js";
import { Trainer } from "../../src/training/trainer.js";

/** The open counter of the run that calls. */
const counters = new AsyncLocalStorage<number>();
const step = Session.prototype.step;
Session.prototype.step = function counted(this: Session, ...args: Parameters<typeof step>) {
  writeSync(counters.getStore() as number, "u");
  return step.apply(this, args);
};

const size = 200;
const train = new ByteDataset({
  inputs: Uint8Array.from({ length: size * 4 }, (_, i) => (i * 37) % 256),
  inputShape: [4],
  labels: Uint8Array.from({ length: size }, (_, i) => i % 2),
});
const config = parseConfig({
  model: { inputShape: [4], layers: [{ type: "linear", outFeatures: 2 }] },
  data: { format: "idx", train: { images: "images", labels: "labels" } },
  optimizer: { type: "sgd", learningRate: 0.1, momentum: 0.9 },
  privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: size },
  samplingRate: 0.1,
  steps: 100_000,
  checkpointEvery: 7,
  threads: 1,
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
