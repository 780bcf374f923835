/** From the scores of many records of one run to what they show; each was in the data with probability ½. */
import { epsilonOfGuesses, type Guesses, guessesRefute } from "./guesses.js";
import { type ShownEpsilon, violationOf } from "./report.js";
import { boundBy, type Claim, isRefuted } from "./shown-bound.js";

/** Guesses are made about these shares of the records: few and sure ones, or all. */
const SHARES = [1, 1 / 2, 1 / 8, 1 / 32];

/** @param included by record; `mass`: of false violations, in equal parts for each number of guesses. */
export function concludeFromScores(scores: Float64Array, included: readonly boolean[], claim: Claim, mass: number) {
  const guesses = SHARES.map((share) => guess(scores, included, share));
  const each = mass / SHARES.length;
  const shown = shownBy(guesses, claim, each);
  const most = shownBy(
    guesses.map((tried) => ({ ...tried, right: tried.made })),
    claim,
    each,
  );
  const refuted = isRefuted((curve) => guesses.some((tried) => guessesRefute(tried, curve, each)), claim);
  return {
    shown,
    most,
    guesses: guesses.map(({ made, right }) => ({ made, right })),
    violations: refuted ? [violationOf(shown)] : [],
  };
}

/** The highest scores are guessed in, as many lowest ones out. */
function guess(scores: Float64Array, included: readonly boolean[], share: number): Guesses {
  const order = Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  const side = Math.max(1, Math.floor((share * order.length) / 2));
  const right =
    order.slice(0, side).filter((i) => !included[i]).length + order.slice(-side).filter((i) => included[i]).length;
  return { canaries: order.length, made: 2 * side, right };
}

function shownBy(guesses: readonly Guesses[], claim: Claim, mass: number): ShownEpsilon {
  const { epsilon, noiseFactor } = boundBy(
    (curve) => guesses.some((tried) => guessesRefute(tried, curve, mass)),
    claim,
  );
  return {
    epsilon,
    noiseFactor: Number.isFinite(noiseFactor) ? noiseFactor : null,
    plain: Math.max(...guesses.map((tried) => epsilonOfGuesses(tried, claim.delta, mass))),
  };
}
