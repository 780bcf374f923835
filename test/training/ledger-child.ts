/**
 * Trains until it is killed: `ledger-child.ts FOLDER COUNTER`. Every update adds a byte to COUNTER before it begins, so
 * that the file counts, outside of the ledger and not below it, what was done to the data. Says `ready` on stdout when
 * the data are there; exits with 3 where the folder is another process's.
 */
import { existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ByteDataset } from "../../src/data/memory.js";
import { parseConfig } from "../../src/training/config.js";
import { RunDirectoryError } from "../../src/training/run-directory.js";
import { Session } from "../../src/training/session.js";
import { Trainer } from "../../src/training/trainer.js";

const [folder, counter] = process.argv.slice(2) as [string, string];

const updates = openSync(counter, "a");
const step = Session.prototype.step;
Session.prototype.step = function counted(this: Session, ...args: Parameters<typeof step>) {
  writeSync(updates, "u");
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

process.stdout.write("ready\n");
try {
  await new Trainer({ config, train, out: folder, resume: existsSync(join(folder, "ledger.jsonl")) }).run();
} catch (error) {
  if (!(error instanceof RunDirectoryError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 3;
}
