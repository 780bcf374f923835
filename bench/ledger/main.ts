/**
 * `npm run bench:ledger [-- --folder DIR --rounds N --steps N]`: what the ledger costs steps of about a millisecond. Runs with
 * and without a folder take turns, N rounds; their first and last steps are left out. Two answers: how long steps waited
 * for a reservation, and how much longer a run in a folder takes, metrics included, which a busy machine blurs.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { median, quantile } from "../../src/bench/statistics.js";
import { table } from "../../src/cli/format.js";
import { numberFlag } from "../../src/cli/number-flag.js";
import { ByteDataset } from "../../src/data/memory.js";
import { parseConfig } from "../../src/training/config.js";
import { ReservationSize } from "../../src/training/reservation-size.js";
import { RunFiles } from "../../src/training/run-files.js";
import { Trainer } from "../../src/training/trainer.js";
import { runCommand } from "../lib/run-command.js";

const EXAMPLES = 60_000;
const FEATURES = 64;
const BATCH = 256;

const train = new ByteDataset({
  inputs: Uint8Array.from({ length: EXAMPLES * FEATURES }, (_, i) => (i * 37) % 256),
  inputShape: [FEATURES],
  labels: Uint8Array.from({ length: EXAMPLES }, (_, i) => i % 10),
});

/** Milliseconds. */
interface LedgerTime {
  waited: number;
  longest: number;
  /** Of the event loop, on what is written. */
  busy: number;
}
const none: LedgerTime = { waited: 0, longest: 0, busy: 0 };
let spent = { ...none };

const { allow } = RunFiles.prototype;
RunFiles.prototype.allow = async function timed(...args: Parameters<typeof allow>) {
  const began = performance.now();
  await allow.apply(this, args);
  const took = performance.now() - began;
  spent.waited += took;
  spent.longest = Math.max(spent.longest, took);
};

const { cost } = ReservationSize.prototype;
ReservationSize.prototype.cost = function counted(...args: Parameters<typeof cost>) {
  spent.busy += args[0].busy;
  cost.apply(this, args);
};

// Checkpoints wait for the disk too, and are no part of the ledger.
RunFiles.prototype.checkpoint = () => {};

interface Timing extends LedgerTime {
  readonly stepMs: number;
  /** Of all steps' time, waited and busy. */
  readonly share: number;
}

async function timedRun(steps: number, out: string | undefined): Promise<Timing> {
  const trainer = new Trainer({ config: configOf(steps), train, out });
  let first = 0;
  let last = 0;
  trainer.on("step", ({ step }) => {
    if (step === 1) {
      first = performance.now();
      spent = { ...none };
    }
    if (step === steps - 1) last = performance.now();
  });
  await trainer.run();
  const whole = last - first;
  return { ...spent, stepMs: whole / (steps - 2), share: (spent.waited + spent.busy) / whole };
}

function configOf(steps: number) {
  return parseConfig({
    model: {
      inputShape: [FEATURES],
      layers: [{ type: "linear", outFeatures: 256 }, { type: "relu" }, { type: "linear", outFeatures: 10 }],
    },
    data: { format: "idx", train: { images: "images", labels: "labels" } },
    optimizer: { type: "sgd", learningRate: 0.1 },
    privacy: { noiseMultiplier: 1, delta: 1e-6, datasetSize: EXAMPLES },
    samplingRate: BATCH / EXAMPLES,
    steps,
    threads: 1,
  });
}

interface Flags {
  readonly folder: string;
  readonly rounds: number;
  readonly steps: number;
}

async function main({ folder, rounds, steps }: Flags): Promise<void> {
  const withLedger: Timing[] = [];
  const without: Timing[] = [];
  await timedRun(200, undefined); // compiles
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    const parent = mkdtempSync(join(folder, "hushgrad-ledger-"));
    const inTurn = [
      async () => withLedger.push(await timedRun(steps, join(parent, "run"))),
      async () => without.push(await timedRun(steps, undefined)),
    ];
    if (round % 2 === 1) inTurn.reverse();
    for (const run of inTurn) await run();
    rmSync(parent, { recursive: true });
  }
  const ratios = withLedger.map(({ stepMs }, i) => stepMs / (without[i]?.stepMs ?? Number.NaN));
  const spread = (values: readonly number[], digits: number) =>
    [0.5, 0.25, 0.75].map((q) => quantile(values, q).toFixed(digits));
  const percent = (values: readonly number[]) => values.map((value) => 100 * value);
  const rows = [
    [
      "a step without a folder, ms",
      ...spread(
        without.map(({ stepMs }) => stepMs),
        3,
      ),
    ],
    [
      "a step in a folder, ms",
      ...spread(
        withLedger.map(({ stepMs }) => stepMs),
        3,
      ),
    ],
    ["waiting for and working on reservations, %", ...spread(percent(withLedger.map(({ share }) => share)), 2)],
    [
      "longest wait of a run, ms",
      ...spread(
        withLedger.map(({ longest }) => longest),
        2,
      ),
    ],
    ["in a folder over without, % more", ...spread(percent(ratios.map((ratio) => ratio - 1)), 2)],
  ];
  const titles = [`${rounds} rounds of ${steps} steps in ${folder}`, "median", "lower quartile", "upper quartile"];
  process.stdout.write(
    `${table(
      titles.map((title, i) => ({ title, right: i > 0 })),
      rows,
    )}\n`,
  );
  if (median(withLedger.map(({ share }) => share)) > 0.01)
    throw new Error("the ledger cost more than 1 % of the steps' time");
}

await runCommand(
  new Command("npm run bench:ledger --")
    .description("what the ledger costs steps of about a millisecond; fails above 1 %")
    .option("--folder <dir>", "on the disk to be tried", tmpdir())
    .option("--rounds <n>", "runs with and without a folder", numberFlag({ min: 1, max: 1000, integer: true }), 10)
    .option("--steps <n>", "of a run", numberFlag({ min: 100, max: 1_000_000, integer: true }), 5000)
    .action(main),
);
