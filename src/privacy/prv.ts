/**
 * The accountant of privacy random variables: the tightest of what is proved. Sampled steps: their privacy loss distribution, by
 * its characteristic function where that decays soon, else on lattices; or Rényi divergences where these prove a smaller ε.
 * Steps of the whole data (q = 1): the analytic Gaussian. Cycles of random allocation: the loss of a cycle (cycle-lattice.ts).
 */
import type { EpsilonReport } from "./accountant.js";
import { fewOrders } from "./adaptive-orders.js";
import { characteristicInterval, type Proved } from "./characteristic/interval.js";
import { checkNumber, ranges } from "./check.js";
import { CountingAccountant } from "./counting-accountant.js";
import { gaussianInterval } from "./gaussian.js";
import { cheapest, costliest } from "./grouped-rows.js";
import { MOST_BINS, MOST_NOISE } from "./lattice/cycle-lattice.js";
import { defaultGap, type EpsilonInterval, epsilonInterval, isWithin, nothingProved } from "./lattice/interval.js";
import { isAllocated, type MechanismSteps, noiseOverDistance, type SampledGaussian, StepCounts } from "./mechanism.js";
import { RdpAccountant } from "./rdp.js";

/** A gap for progress and first guesses: a few milliseconds instead of a few hundred, ε up to some per cent above. */
export const coarseGap = 0.03;

/** From so many mechanisms on, Rényi divergences at all orders would take longer than the distribution does. */
const MANY = 64;
/** More mechanisms than these are bounded by fewer, of characteristic functions and of lattices. */
const MOST_FUNCTIONS = 2025;
const MOST_LATTICES = 64;

/** Below, what a cycle's law may leave out comes near the end of float64's range. */
const LEAST_DELTA = 1e-100;

/** A run asks for the same ε again and again. */
const answers = new Map<string, EpsilonReport>();
const MOST_ANSWERS = 1024;

export class PrvAccountant extends CountingAccountant {
  readonly name = "prv";
  readonly upperBound = true;

  /** `gap`: how far upper and lower bound may stay apart, of ε below 1 and absolutely above. */
  constructor(private readonly gap = defaultGap) {
    super();
  }

  protected answer(rows: readonly MechanismSteps[], delta: number): EpsilonReport {
    checkNumber("delta", delta, ranges.delta);
    const merged = merge(delta < LEAST_DELTA ? rows.map(withoutBins) : rows);
    // Cycles that count as something costlier need not reach what that does.
    const isLoose = rows.some((row) => (row.bins ?? 1) > 1 && !(isCountedExactly(row) && delta >= LEAST_DELTA));
    const key = JSON.stringify([merged, delta, this.gap, isLoose]);
    const known = answers.get(key);
    if (known) return known;
    const { lower, ...upper } = tightest(merged, delta, this.gap);
    const found = isLoose || lower === undefined ? upper : { ...upper, lower };
    if (answers.size >= MOST_ANSWERS) answers.clear();
    answers.set(key, found);
    return found;
  }
}

/** The same steps in one order, each mechanism once, so that the same steps have the same ε to the bit. */
function merge(rows: readonly MechanismSteps[]): MechanismSteps[] {
  const counts = new StepCounts();
  // Of δ, not of the distribution: they are paid for already.
  for (const { steps, failure, discreteCoordinates, ...mechanism } of rows) {
    if (mechanism.samplingRate > 0) counts.add(isAllocated(mechanism) ? mechanism : withoutBins(mechanism), steps);
  }
  const kind = ({ relation, sample, bins }: SampledGaussian) => `${relation ?? ""} ${sample ?? ""} ${bins ?? ""}`;
  return [...counts.list()].sort(
    (a, b) =>
      a.samplingRate - b.samplingRate || a.noiseMultiplier - b.noiseMultiplier || kind(a).localeCompare(kind(b)),
  );
}

/** A step on all the data, instead of a cycle in which an example is once. */
function withoutBins<Row extends SampledGaussian>({ bins, ...row }: Row): Omit<Row, "bins"> {
  return row;
}

/** Cycles as what they are; where that proves less, each as one step on all the data, which costs no less than they do. */
function tightest(rows: readonly MechanismSteps[], delta: number, gap: number): EpsilonReport {
  const found = proved(rows, delta, gap);
  if (found.epsilon === 0 || !rows.some(isAllocated)) return found;
  const whole = merge(rows.map(withoutBins));
  if (Number.isFinite(found.epsilon) && whole.some(isSampled)) return found;
  const { lower, ...plain } = proved(whole, delta, gap);
  return plain.epsilon < found.epsilon ? { ...plain, lower: Math.min(found.lower ?? 0, plain.epsilon) } : found;
}

function proved(rows: readonly MechanismSteps[], delta: number, gap: number): EpsilonReport {
  const { epsilon, order } = rdpReport(rows, delta);
  // Nothing spent; or nothing guaranteed by moments, and then by nothing else either.
  if (epsilon === 0) return { epsilon, lower: 0, proof: "rdp" };
  if (rows.some((row) => row.noiseMultiplier === 0)) return { epsilon: Number.POSITIVE_INFINITY };
  const whole = rows.filter((row) => !isSampled(row));
  const mu = Math.sqrt(whole.reduce((sum, row) => sum + row.steps / noiseOverDistance(row) ** 2, 0));
  const onlyWhole = whole.length === rows.length;
  const interval = onlyWhole
    ? gaussianInterval(mu, delta)
    : sampledInterval(withOneWhole(rows, mu), delta, gap, order === undefined ? undefined : { epsilon, order });
  // What is proved of samples of fixed size need not be reached by any data.
  const told = rows.some((row) => row.sample) ? {} : { lower: Math.min(interval.lower, epsilon) };
  if (interval.upper <= epsilon) return { epsilon: interval.upper, ...told, proof: onlyWhole ? "gaussian" : "pld" };
  return { epsilon, ...told, proof: "rdp", ...(order === undefined ? {} : { order }) };
}

function isSampled(row: SampledGaussian): boolean {
  return row.samplingRate < 1 || isAllocated(row);
}

function isCountedExactly(row: SampledGaussian): boolean {
  return isAllocated(row) && row.bins <= MOST_BINS && row.noiseMultiplier <= MOST_NOISE;
}

function rdpReport(rows: readonly MechanismSteps[], delta: number): EpsilonReport {
  const accountant = rows.length > MANY ? new RdpAccountant(fewOrders) : new RdpAccountant();
  for (const row of costliest(rows, MOST_FUNCTIONS)) accountant.step(row, row.steps);
  return accountant.report(delta);
}

/** Steps of the whole data are one Gaussian beside the sampled ones; less noise than there was, never more. */
function withOneWhole(rows: readonly MechanismSteps[], mu: number): MechanismSteps[] {
  const sampled = rows.filter(isSampled);
  return mu === 0
    ? sampled
    : [...sampled, { samplingRate: 1, noiseMultiplier: (1 / mu) * (1 - (rows.length + 4) * 2 ** -52), steps: 1 }];
}

/** `proved`: what Rényi divergences prove, if anything. */
function sampledInterval(
  rows: readonly MechanismSteps[],
  delta: number,
  gap: number,
  proved: Proved | undefined,
): EpsilonInterval {
  if (rows.some((row) => row.noiseMultiplier === 0)) return nothingProved;
  // Of cycles nothing but a lattice is known.
  const isKnown = !rows.some(isAllocated);
  const quick =
    proved && isKnown
      ? bounded(rows, MOST_FUNCTIONS, (few) => characteristicInterval(few, delta, proved))
      : nothingProved;
  if (isWithin(quick, gap)) return quick;
  const { lower, upper } = bounded(rows, MOST_LATTICES, (few) => epsilonInterval(few, delta, gap));
  return { lower: Math.max(lower, quick.lower), upper: Math.min(upper, quick.upper) };
}

/** Of more than `most` rows: the upper bound of fewer that cost no less, and the lower one of fewer that cost no more. */
function bounded(
  rows: readonly MechanismSteps[],
  most: number,
  intervalOf: (rows: readonly MechanismSteps[]) => EpsilonInterval,
): EpsilonInterval {
  if (rows.length <= most) return intervalOf(rows);
  return { lower: intervalOf(cheapest(rows, most)).lower, upper: intervalOf(costliest(rows, most)).upper };
}
