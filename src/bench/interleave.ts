/**
 * Measures contenders in turn, in several rounds, so that a machine that slows down or is shared slows all of them
 * down: ratios are taken within a round and survive what absolute times do not.
 */
import { median, quantile } from "./statistics.js";

/** Something that takes steps, idle between calls of `run`. */
export interface Contender {
  readonly name: string;
  /** Takes `steps` ≥ 1 steps; resolves to the milliseconds of each. */
  run(steps: number): Promise<readonly number[]>;
}

export interface Pace {
  /** At most; ≥ 1. */
  readonly rounds: number;
  /** Milliseconds that a contender gets in a round; at least one step, whatever it takes. */
  readonly slotMs: number;
  /** No new round begins later than this, once `LEAST_ROUNDS` are done; default: no limit. */
  readonly budgetMs?: number;
  /** A contender whose step takes longer is warmed up once and takes part in the first `LEAST_ROUNDS` rounds alone. */
  readonly slowMs?: number;
}

export interface InterleaveEvents {
  onWarmUp?(contender: Contender): void;
  /** A slow contender's turn begins; `stepMs` is what its first step took. */
  onSlowTurn?(contender: Contender, stepMs: number): void;
  onRound?(round: number, rounds: number): void;
  /** A contender that fails is left out from then on; without this listener the failure ends the measurement. */
  onFailure?(contender: Contender, error: Error): void;
}

/** Fewer would not show which round was disturbed. */
export const LEAST_ROUNDS = 3;
const WARM_UP_RUNS = 2;
const MOST_STEPS = 1000;
/** With this many steps in a slot, the first, which finds caches cold, is left out. */
const STEPS_TO_DROP_FIRST = 3;

/** Milliseconds a step, by contender and round. */
export class Measurements {
  private readonly byName = new Map<string, Map<number, number>>();

  add(name: string, round: number, ms: number): void {
    const rounds = this.byName.get(name) ?? new Map<number, number>();
    this.byName.set(name, rounds.set(round, ms));
  }

  forget(name: string): void {
    this.byName.delete(name);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  rounds(name: string): readonly number[] {
    return [...(this.byName.get(name)?.values() ?? [])];
  }

  /** Median over rounds; NaN for a name that was not measured. */
  ms(name: string): number {
    return median(this.rounds(name));
  }

  /** First and third quartile over rounds. */
  range(name: string): readonly [number, number] {
    const rounds = this.rounds(name);
    return [quantile(rounds, 0.25), quantile(rounds, 0.75)];
  }

  /** Median over rounds of `name` over `reference` in the same round; undefined where either is missing. */
  ratio(name: string, reference: string): number | undefined {
    const over = this.byName.get(reference);
    const ratios = [...(this.byName.get(name) ?? [])].flatMap(([round, ms]) => {
      const other = over?.get(round);
      return other === undefined ? [] : [ms / other];
    });
    return ratios.length === 0 ? undefined : median(ratios);
  }
}

/** Warms every contender up, then measures them round by round, forwards and backwards in turn. */
export async function interleave(
  contenders: readonly Contender[],
  pace: Pace,
  events: InterleaveEvents = {},
): Promise<Measurements> {
  const measured = new Measurements();
  const start = performance.now();
  const turns = new Map<Contender, Turn>();
  const guarded = async (contender: Contender, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (events.onFailure === undefined) throw error;
      turns.delete(contender);
      measured.forget(contender.name);
      events.onFailure(contender, error as Error);
    }
  };
  for (const contender of contenders) {
    events.onWarmUp?.(contender);
    await guarded(contender, async () => {
      turns.set(contender, await warmUp(contender, pace));
    });
  }
  for (let round = 0; round < pace.rounds; round++) {
    const late = pace.budgetMs !== undefined && performance.now() - start > pace.budgetMs;
    const enough = round >= LEAST_ROUNDS;
    const order = [...turns].filter(([, { slow }]) => !(enough && slow));
    if ((late && enough) || order.length === 0) break;
    events.onRound?.(round, pace.rounds);
    for (const [contender, { steps, stepMs, slow }] of round % 2 === 0 ? order : order.reverse()) {
      if (slow) events.onSlowTurn?.(contender, stepMs);
      await guarded(contender, async () => {
        measured.add(contender.name, round, slotMs(await contender.run(steps)));
      });
    }
  }
  return measured;
}

/** What a contender does in a round. */
interface Turn {
  readonly steps: number;
  readonly stepMs: number;
  readonly slow: boolean;
}

async function warmUp(contender: Contender, { slotMs, slowMs = Number.POSITIVE_INFINITY }: Pace): Promise<Turn> {
  let stepMs = Number.NaN;
  for (let run = 0; run < WARM_UP_RUNS && !(stepMs > slowMs); run++) stepMs = median(await contender.run(1));
  const steps = Math.min(MOST_STEPS, Math.max(1, Math.round(slotMs / stepMs)));
  return { steps, stepMs, slow: stepMs > slowMs };
}

function slotMs(times: readonly number[]): number {
  return median(times.length >= STEPS_TO_DROP_FIRST ? times.slice(1) : times);
}
