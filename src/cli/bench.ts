/** `hushgrad bench`: what private steps cost here, strategy by strategy, beside ordinary ones and other engines. */
import { dirname } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { runBenchmark } from "../bench/benchmark.js";
import { benchmarkPage } from "../bench/page.js";
import { peers } from "../bench/peers.js";
import { resultText } from "../bench/table.js";
import { workloadNames } from "../bench/workloads.js";
import { makeFolder, writeAtomically } from "../training/files.js";
import { strategyNames } from "../training/session-options.js";
import { numberFlag } from "./number-flag.js";

interface BenchFlags {
  readonly workloads: string[];
  readonly strategies: (typeof strategyNames)[number][];
  readonly batch?: number;
  readonly rounds: number;
  readonly slot: number;
  readonly json?: string;
  readonly html?: string;
  readonly peers?: string[] | true;
  readonly python?: string;
  readonly kernels: boolean;
}

const DEFAULT_STRATEGIES: BenchFlags["strategies"] = [
  "none",
  "naive",
  "materialize",
  "fused",
  "reweight",
  "ghost",
  "auto",
];
const engines = peers.map(({ engine }) => engine);
const DEFAULT_ROUNDS = 10;
const DEFAULT_SLOT_MS = 200;
/** A step that takes so many slots is measured in a few rounds alone: of ghost norms of large pictures, one takes half a minute. */
const SLOW_SLOTS = 10;

const batchFlag = numberFlag({ min: 1, max: 2 ** 20, integer: true });
const roundsFlag = numberFlag({ min: 1, max: 10_000, integer: true });
const slotFlag = numberFlag({ min: 1, max: 60_000 });

/** Adds the command `bench`; its exit code is 1 when a strategy of our own could not be timed. */
export function register(program: Command): void {
  program
    .command("bench")
    .description("time whole training steps under each clipping strategy, their peak memory, and clipping alone")
    .option("--workloads <names>", "comma-separated", listOf(workloadNames), [...workloadNames])
    .option("--strategies <names>", "comma-separated", listOf(strategyNames), DEFAULT_STRATEGIES)
    .option("--batch <examples>", "logical batch size (default: the workload's, 256 or 64)", batchFlag)
    .option("--rounds <count>", "all take turns this many times", roundsFlag, DEFAULT_ROUNDS)
    .option("--slot <ms>", "time that each gets in a round", slotFlag, DEFAULT_SLOT_MS)
    .option("--no-kernels", "leave out clipping of ready gradients from 1 KB to 1 GB, which takes half a minute")
    .option("--json <file>", "write machine, rows and kernels as JSON")
    .option("--html <file>", "write a page with charts")
    .option("--peers [names]", `measure ${engines.join(", ")} in the same rounds: all, or those named`, listOf(engines))
    .option("--python <path>", "the Python that has the peers' packages (default: $HUSHGRAD_PYTHON, then python3)")
    .action(bench);
}

async function bench(flags: BenchFlags): Promise<void> {
  for (const file of [flags.json, flags.html]) if (file) makeFolder(dirname(file));
  const result = await runBenchmark(
    {
      workloads: flags.workloads,
      strategies: flags.strategies,
      batch: flags.batch,
      pace: { rounds: flags.rounds, slotMs: flags.slot, slowMs: SLOW_SLOTS * flags.slot },
      peers: peers.filter(({ engine }) => flags.peers === true || flags.peers?.includes(engine)),
      python: flags.python ?? (process.env.HUSHGRAD_PYTHON || "python3"),
      kernels: flags.kernels,
    },
    (line) => process.stderr.write(`${line}\n`),
  );
  if (flags.json) writeAtomically(flags.json, `${JSON.stringify(result, null, 2)}\n`);
  if (flags.html) writeAtomically(flags.html, await benchmarkPage(result));
  process.stdout.write(`${resultText(result)}\n`);
  if (result.skipped.some(({ engine, missing }) => engine === "hushgrad" && !missing)) process.exitCode = 1;
}

/** A parser of comma-separated names, each of which must be known. */
function listOf<const T extends string>(known: readonly T[]): (text: string) => T[] {
  const isKnown = (name: string): name is T => (known as readonly string[]).includes(name);
  return (text) => {
    const names = [...new Set(text.split(",").map((name) => name.trim()))];
    if (names.every(isKnown)) return names as T[];
    throw new InvalidArgumentError(`Allowed, separated by commas: ${known.join(", ")}.`);
  };
}
