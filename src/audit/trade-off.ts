/**
 * What a privacy claim says of every test of "was this record in?": the least share f(α) of misses at a share α of false
 * alarms (Dong, Roth, Su: "Gaussian Differential Privacy", 2022). Here it is the upper hull of the lines of the claim's
 * (ε, δ) pairs, in both directions of add/remove:
 *
 *     f(α) ≥ max(0, 1 − δ − e^ε·α, e^−ε·(1 − δ − α))
 *
 * Fewer lines than there are make f smaller, never larger: no claim is refuted that holds.
 */
import { makeQuickAccountant } from "../privacy/accountant.js";
import type { MechanismSteps } from "../privacy/mechanism.js";

/** Log-odds of δ: dense where counts of hundreds or thousands can tell, with some lines beyond. */
const TAIL = [-26, -22, -18, -15, -12, -10];
const BODY = { from: -8.4, to: 12, step: 0.4 };
const HALVINGS = 7;

export interface ClaimLine {
  readonly epsilon: number;
  readonly delta: number;
}

export class TradeOff {
  constructor(private readonly lines: readonly ClaimLine[]) {}

  /** Of the steps' upper bounds on ε. */
  static of(rows: readonly MechanismSteps[]): TradeOff {
    const accountant = makeQuickAccountant();
    const lines: ClaimLine[] = [];
    const add = (logOdds: number): number => {
      const delta = 1 / (1 + Math.exp(-logOdds));
      const epsilon = accountant.epsilonWith(rows, delta);
      lines.push({ epsilon, delta });
      return epsilon;
    };
    const grid = [...gridOfLogOdds()];
    const nothing = grid.findIndex((logOdds) => add(logOdds) === 0);
    // The least δ with ε = 0 decides over tests that err as often on either side.
    let [low, high] = [grid[nothing - 1] ?? 0, grid[nothing] ?? 0];
    for (let i = 0; i < HALVINGS && nothing > 0; i++) {
      const middle = (low + high) / 2;
      if (add(middle) === 0) high = middle;
      else low = middle;
    }
    return new TradeOff(lines);
  }

  /** f(α): no test with this share of false alarms, or fewer, misses less. */
  leastMisses(falseAlarms: number): number {
    let least = 0;
    for (const { epsilon, delta } of this.lines) {
      least = Math.max(
        least,
        1 - delta - Math.exp(epsilon) * falseAlarms,
        Math.exp(-epsilon) * (1 - delta - falseAlarms),
      );
    }
    return least;
  }

  /** The least probability under one neighbour of what has probability `mass` under the other: inverse of 1 − f. */
  leastBeside(mass: number): number {
    let least = 0;
    for (const { epsilon, delta } of this.lines) {
      least = Math.max(least, (mass - delta) * Math.exp(-epsilon), 1 - delta - Math.exp(epsilon) * (1 - mass));
    }
    return least;
  }
}

function* gridOfLogOdds(): Generator<number> {
  yield* TAIL;
  for (let logOdds = BODY.from; logOdds <= BODY.to; logOdds += BODY.step) yield logOdds;
}
