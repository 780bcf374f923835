/** Whole training steps: per workload, every strategy and peer in a process of its own, measured in turn. */
import type { StrategyName } from "../native/binding.js";
import { runGradientKernels } from "./gradient-run.js";
import { type Contender, interleave, LEAST_ROUNDS, type Measurements, type Pace } from "./interleave.js";
import { type LineChild, SkippedError } from "./line-child.js";
import { describeMachine } from "./machine.js";
import { startOwnChild } from "./own-child.js";
import { type Peer, peerScript, startPeer } from "./peers.js";
import type { BenchResult, BenchRow, Log, SkippedRow } from "./results.js";
import { mismatch, TOLERANCE } from "./verify.js";
import { type Workload, workloadByName } from "./workloads.js";

export interface BenchOptions {
  readonly workloads: readonly string[];
  readonly strategies: readonly StrategyName[];
  /** Logical batch; default: the workload's own. */
  readonly batch?: number | undefined;
  readonly pace: Pace;
  /** Other engines to measure in the same rounds. */
  readonly peers: readonly Peer[];
  /** The Python that has them. */
  readonly python: string;
  /** Whether to measure clipping of ready gradients too. */
  readonly kernels: boolean;
}

const OWN = "hushgrad";

/** Runs the benchmark; children that fail are told in `skipped`, not thrown. */
export async function runBenchmark(options: BenchOptions, log: Log): Promise<BenchResult> {
  if (options.peers.length > 0) peerScript();
  const machine = describeMachine();
  const rows: BenchRow[] = [];
  const skipped: SkippedRow[] = [];
  for (const name of options.workloads) {
    const run = new WorkloadRun(workloadByName(name), options, log);
    rows.push(...(await run.measure()));
    skipped.push(...run.skipped);
  }
  if (!options.kernels) return { machine, rows, kernels: [], skipped };
  const gradients = await runGradientKernels(log);
  return { machine, rows, kernels: gradients.kernels, skipped: [...skipped, ...gradients.skipped] };
}

interface Entrant extends Contender {
  readonly engine: string;
  readonly strategy: string;
  readonly private: boolean;
  readonly child: LineChild;
  parameters: number;
  plannedBytes: number | undefined;
}

class WorkloadRun {
  readonly skipped: SkippedRow[] = [];
  private readonly batch: number;

  constructor(
    private readonly workload: Workload,
    private readonly options: BenchOptions,
    private readonly log: Log,
  ) {
    this.batch = options.batch ?? workload.batch;
  }

  async measure(): Promise<BenchRow[]> {
    const entrants: Entrant[] = [];
    try {
      for (const strategy of this.options.strategies)
        await this.enter(entrants, OWN, strategy, () => this.own(strategy));
      for (const peer of this.options.peers)
        await this.enter(entrants, peer.engine, peer.strategy, () => this.peer(peer));
      this.requireSameModel(entrants);
      const measured = await interleave(entrants, this.options.pace, {
        onWarmUp: ({ name }) => this.log(`${this.workload.name}: first steps of ${name}`),
        onSlowTurn: ({ name }, stepMs) =>
          this.log(
            `${this.workload.name}: ${name}, about ${(stepMs / 1000).toFixed(0)} s a step, in ${LEAST_ROUNDS} rounds`,
          ),
        onRound: (round, rounds) => this.log(`${this.workload.name}: round ${round + 1} of ${rounds}`),
        onFailure: (contender, error) => this.skip(contender as Entrant, error),
      });
      const rows: BenchRow[] = [];
      for (const entrant of entrants) {
        if (measured.has(entrant.name)) rows.push(await this.row(entrant, measured));
      }
      return rows;
    } finally {
      for (const { child } of entrants) child.kill();
    }
  }

  private async enter(
    entrants: Entrant[],
    engine: string,
    strategy: string,
    start: () => Promise<Entrant>,
  ): Promise<void> {
    this.log(`${this.workload.name}: preparing ${label(engine, strategy)}`);
    try {
      entrants.push(await start());
    } catch (error) {
      this.skip({ engine, strategy }, error as Error);
    }
  }

  private async own(strategy: StrategyName): Promise<Entrant> {
    const task = { workload: this.workload.name, strategy, batch: this.batch };
    await requireVerified(startOwnChild({ ...task, kind: "verify" }));
    const child = startOwnChild({ ...task, kind: "measure" });
    return entrant(OWN, strategy, strategy !== "none", child);
  }

  private peer(peer: Peer): Promise<Entrant> {
    const child = startPeer(peer, this.workload.name, this.batch, this.options.python);
    return entrant(peer.engine, peer.strategy, peer.private, child);
  }

  /** Another model would be no comparison. */
  private requireSameModel(entrants: Entrant[]): void {
    const expected = entrants.find(({ engine }) => engine === OWN)?.parameters;
    const others = entrants.filter(({ parameters }) => expected !== undefined && parameters !== expected);
    for (const other of others) {
      this.skip(other, new Error(`its model has ${other.parameters} parameters, hushgrad's ${expected}`));
      other.child.kill();
      entrants.splice(entrants.indexOf(other), 1);
    }
  }

  private async row(entrant: Entrant, measured: Measurements): Promise<BenchRow> {
    const { name, engine, strategy } = entrant;
    const { peakBytes } = await entrant.child.ask({ kind: "memory" }, "memory");
    const msPerStep = measured.ms(name);
    const overhead = measured.ratio(name, label(OWN, "none"));
    const overAuto = measured.ratio(name, label(OWN, "auto"));
    return {
      engine,
      workload: this.workload.name,
      strategy,
      private: entrant.private,
      batch: this.batch,
      msPerStep,
      msQuartiles: measured.range(name),
      examplesPerSecond: (this.batch / msPerStep) * 1000,
      ...(overhead === undefined ? {} : { overhead }),
      ...(overAuto === undefined ? {} : { overAuto }),
      peakBytes,
      ...(entrant.plannedBytes === undefined ? {} : { plannedBytes: entrant.plannedBytes }),
      rounds: measured.rounds(name).length,
    };
  }

  private skip({ engine, strategy }: Pick<SkippedRow, "engine" | "strategy">, error: Error): void {
    const missing = error instanceof SkippedError;
    this.skipped.push({ engine, workload: this.workload.name, strategy, reason: error.message, missing });
    this.log(`${this.workload.name}: ${label(engine, strategy)} left out: ${error.message}`);
  }
}

async function entrant(engine: string, strategy: string, isPrivate: boolean, child: LineChild): Promise<Entrant> {
  try {
    const { parameters, plannedBytes } = await child.expect("ready");
    const run = async (steps: number) => (await child.ask({ kind: "run", steps }, "times")).ms;
    const name = label(engine, strategy);
    return { name, engine, strategy, private: isPrivate, child, parameters, plannedBytes, run };
  } catch (error) {
    child.kill();
    throw error;
  }
}

async function requireVerified(child: LineChild): Promise<void> {
  try {
    const { difference } = await child.expect("verified");
    if (!(difference <= TOLERANCE)) throw new Error(`not timed: ${mismatch(difference)}`);
  } finally {
    child.kill();
  }
}

function label(engine: string, strategy: string): string {
  return `${engine} ${strategy}`;
}
