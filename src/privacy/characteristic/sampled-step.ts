/**
 * A sampled step's characteristic function. E[e^(sL)] is an integral over z of an analytic function, and the trapezoidal rule on
 * the real line misses it by 2M/(e^(2πd/h) − 1), where h is the spacing, and M bounds the integral of the absolute value on
 * every line at most d off the real one (Trefethen & Weideman 2014, theorem 5.1).
 */

import { momentOrder } from "../lattice/tilted-composition.js";
import { log1pExp } from "../logarithms.js";
import type { SampledGaussian } from "../mechanism.js";
import { UNIT } from "../rounding.js";
import { type DensityStretch, LossSpread } from "./loss-spread.js";
import { fillMeans, meansRounding } from "./means.js";
import { growth, largestArgument, type Part, partsOf, TiltedIntegrand } from "./tilted-integrand.js";
import type { Tilt, TiltedStep } from "./tilted-step.js";

const MOST_NODES = 2 ** 14;
/** How far nodes reach beyond where the integrand falls; what is less than e^(this) of its peak is left out, and counted. */
const REACH = 11;
const UNSEEN = -55;
/** What the rule may miss. */
const MISSED = 1e-21;
/** Distances from the real line that are tried, each smaller by a third. */
const MOST_OFFSETS = 24;
/** An error above this is not worth going on with. */
const LARGEST_ERROR = 2 ** -24;

/** For a sampling rate in (0, 1), Poisson samples. Undefined where quadrature is too long. */
export function sampledStep(mechanism: SampledGaussian, { direction, tilt, cut }: Tilt): TiltedStep | undefined {
  const parts = partsOf(mechanism, momentOrder(direction, tilt));
  const within = reach(parts);
  const cells = () => gridOf(parts, within, 1 / Math.max(4, 4 / mechanism.noiseMultiplier));
  const nodes = gridOf(parts, within, nodeSpacing(parts, cells, cut));
  if (!nodes) return undefined;
  const step = new SampledStep(nodes, cells, direction === "remove" ? 1 : -1);
  return step.momentError < LARGEST_ERROR ? step : undefined;
}

type Parts = readonly Part[];
type Range = readonly [low: number, high: number];
/** Points so close that nothing changes much between two; undefined where they are too many. */
type Cells = () => TiltedIntegrand | undefined;

/** From where the integrand begins to where it ends. */
function reach(parts: Parts): Range {
  const edges = new TiltedIntegrand(parts, REACH, -1, 1);
  return [-REACH - edges.fall(0), REACH + edges.rise(2)];
}

function gridOf(parts: Parts, [low, high]: Range, spacing: number): TiltedIntegrand | undefined {
  const [first, last] = [Math.floor(low / spacing), Math.ceil(high / spacing)];
  return last - first < MOST_NODES ? new TiltedIntegrand(parts, spacing, first, last) : undefined;
}

/** The spacing at which the rule misses less than MISSED: the most of several distances d. */
function nodeSpacing(parts: Parts, makeCells: Cells, cut: number): number {
  const cells = cut > 0 ? makeCells() : undefined;
  if (cut > 0 && !cells) return 0;
  let best = 0;
  let offset = Math.min(REACH, 1.5 / Math.abs(parts[0]?.slope as number));
  for (let i = 0; i < MOST_OFFSETS; i++) {
    const argument = cells ? turned(cells, cut, offset, largestArgument(parts, offset)) : 0;
    const spacing = (2 * Math.PI * offset) / log1pExp(Math.log(2 / MISSED) + growth(parts, offset) + argument);
    if (spacing < best) break;
    best = spacing;
    offset /= 1.5;
  }
  return best;
}

/** log of the tilted mean of e^(cut·argument), at most. */
function turned(cells: TiltedIntegrand, cut: number, offset: number, everywhere: number): number {
  const { log, length, spacing } = cells;
  const peak = largest(log);
  const last = length - 1;
  let most =
    Math.exp((log[last] as number) + cut * everywhere - peak) / (cells.z(last) - cells.rise(last)) +
    Math.exp((log[0] as number) + cut * everywhere - peak) / (-cells.z(0) - cells.fall(0));
  let least = 0;
  for (let cell = 0; cell < last; cell++) {
    least += spacing * Math.exp(cells.least(cell) - peak);
    most += spacing * Math.exp(cells.most(cell) - peak + cut * cells.argument(offset, cell));
  }
  return Math.log(most / least);
}

function largest(values: Float64Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** `nodes`: what the rule sums. */
class SampledStep implements TiltedStep {
  readonly logMoment: number;
  readonly mean: number;
  readonly variance: number;
  readonly momentError: number;
  readonly work: number;
  /** Of the nodes: the tilted masses, 1 in all, and centred losses. */
  private readonly weights: Float64Array;
  private readonly losses: Float64Array;
  /** What is missing of the moment, at any frequency; what rounding does, for one of frequency. */
  private readonly missed: number;
  private readonly rounding: number;
  private known: LossSpread | undefined;

  constructor(
    nodes: TiltedIntegrand,
    private readonly cells: Cells,
    sign: 1 | -1,
  ) {
    const peak = largest(nodes.log);
    const { total, mean, size, seen } = tiltedSums(nodes, peak);
    this.weights = new Float64Array(seen);
    this.losses = new Float64Array(seen);
    let variance = 0;
    let apart = 0;
    let offBy = 0;
    let kept = 0;
    for (let i = 0; i < nodes.length; i++) {
      const log = (nodes.log[i] as number) - peak;
      if (log <= UNSEEN) continue;
      const weight = Math.exp(log) / total;
      const loss = (nodes.loss[i] as number) - mean;
      this.weights[kept] = weight;
      this.losses[kept++] = sign * loss;
      variance += weight * loss * loss;
      apart += weight * Math.abs(loss);
      offBy += weight * (4 * Math.abs(loss) * (nodes.logSize[i] as number) + 16 * (nodes.lossSize[i] as number));
    }
    this.mean = sign * mean;
    this.variance = variance;
    this.logMoment = peak + Math.log(nodes.spacing * total);
    this.work = seen;
    this.missed = 2 * MISSED + ((nodes.length - seen) * Math.exp(UNSEEN) + outside(nodes, peak)) / total;
    this.momentError = this.missed + UNIT * (4 * (size + Math.abs(this.logMoment)) + seen);
    // A node's e^(iux) − 1 is off in proportion to |ux|: by its weight, of which the weights' sum is part, and its loss, by rotations and sums.
    this.rounding = UNIT * (offBy + apart * (seen + meansRounding(seen)));
  }

  decay(frequency: number): number {
    this.known ??= new LossSpread(stretchesOf(this.cells(), this.logMoment));
    return this.known.decay(frequency);
  }

  error(frequency: number): number {
    return 2 * this.missed + this.rounding * frequency;
  }

  fill(spacing: number, re: Float64Array, im: Float64Array): void {
    fillMeans(this.weights, this.losses, spacing, re, im);
  }
}

/** Of the nodes that count: their masses, of e^peak, and the means of the loss and of what a mass's logarithm was added up from. */
function tiltedSums({ log, loss, logSize, length }: TiltedIntegrand, peak: number) {
  let [seen, total, losses, sizes] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const apart = (log[i] as number) - peak;
    if (apart <= UNSEEN) continue;
    const weight = Math.exp(apart);
    seen++;
    total += weight;
    losses += weight * (loss[i] as number);
    sizes += weight * (logSize[i] as number);
  }
  return { seen, total, mean: losses / total, size: sizes / total };
}

/** The nodes beyond the first and the last, of e^peak: geometric series. */
function outside(nodes: TiltedIntegrand, peak: number): number {
  const last = nodes.length - 1;
  const series = (point: number, fall: number) =>
    fall > 0
      ? Math.exp((nodes.log[point] as number) - peak) / Math.expm1(fall * nodes.spacing)
      : Number.POSITIVE_INFINITY;
  return series(last, nodes.z(last) - nodes.rise(last)) + series(0, -nodes.z(0) - nodes.fall(0));
}

/** A lower bound on the density of the tilted loss, by cells. */
function stretchesOf(cells: TiltedIntegrand | undefined, logMoment: number): DensityStretch[] {
  if (!cells) return [];
  return Array.from({ length: cells.length - 1 }, (_, cell) => {
    const steepest = cells.steepest(cell);
    const apart = (cells.loss[cell + 1] as number) - (cells.loss[cell] as number);
    if (steepest === 0) return { length: 0, density: 0 };
    const density = Math.exp(cells.least(cell) - logMoment) / steepest;
    return { length: Math.min(apart, cells.spacing * steepest), density: density * (1 - 2 ** -20) };
  });
}
