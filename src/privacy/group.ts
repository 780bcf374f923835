/**
 * What training costs a group: somebody to whom up to k of the examples belong, all of whom may be present or absent
 * (or, under zero-out, be replaced by examples that contribute nothing).
 *
 * Of the k examples, Binomial(k, q) are in a step's sample; j of them move the clipped sum by at most j·S. A step is
 * therefore dominated by P = Σ_j b_j N(j, σ²) against Q = N(0, σ²) on a line, b the binomial weights, adaptively too:
 * docs/decisions/groups-of-examples.md proves it (the mixture of Gaussians of Ganesh 2024, arXiv:2401.10294).
 *
 * Its Rényi divergences are bounded from above by integrals over cells of z ~ N(0, 1). With L = P/Q, log L is convex, so
 * that in a cell it lies below its chord, which bounds E[L^α] (order α of P against Q), and above its tangent, which
 * bounds E[L^(1−α)] (of Q against P). Either bound is an exponential of z, whose Gaussian integral is known.
 */
import { checkNumber, ranges } from "./check.js";
import { totalVariation } from "./discrete-gaussian.js";
import { withFailure } from "./failure.js";
import { checkSteps, type MechanismSteps, type SampledGaussian } from "./mechanism.js";
import { logNormalBetween } from "./normal.js";
import { defaultOrders, epsilonOfRdp } from "./rdp.js";

/** k: the lattice of weights must stay cheap. */
export const groupSizeRange = { min: 2, max: 10_000, integer: true } as const;

/** Groups' ε is large, and is proved by orders near 1; the conversion leaves out those up to 1.01. */
export const groupOrders: readonly number[] = [
  ...Array.from({ length: 48 }, (_, i) => 1 + 0.0101 * 1.1 ** i),
  ...defaultOrders.filter((order) => order >= 2 && order < 64),
];

const CELLS = 2000;
/** Nearly all of Q lies within; beyond, the bounds of the outermost cells go on. */
const REACH = 12;
/** Beyond, float64 cannot hold the exponents: nothing is proved. */
const LARGEST_SHIFT = 1e4;
/** Of the squares of the exponents: more than the few dozen operations behind each can lose. */
const ROUNDING = 2 ** -40;

/**
 * ε at `delta` of these steps for a group of up to `size` examples: an upper bound, up to a fifth above the
 * exact value. Infinity where nothing is proved: without noise, under replace-one, for samples of a fixed size.
 * Discrete noise is as far from continuous noise on data with the group as without it: δ pays for that as for one example.
 * Throws a RangeError naming the argument that cannot be.
 */
export function groupEpsilon(rows: readonly MechanismSteps[], size: number, delta: number): number {
  checkNumber("size", size, groupSizeRange);
  checkNumber("delta", delta, ranges.delta);
  rows.forEach(checkSteps);
  const total = new Float64Array(groupOrders.length);
  for (const row of rows) {
    if (row.steps === 0 || row.samplingRate === 0) continue;
    if (row.relation || row.sample || row.failure) return Number.POSITIVE_INFINITY;
    const curve = groupRdp(row, size);
    for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + row.steps * (curve[i] ?? 0);
  }
  return withFailure((left) => epsilonOfRdp(groupOrders, total, left), delta, totalVariation(rows)).epsilon;
}

const curves = new Map<string, Float64Array>();
const MOST_CURVES = 256;

/** RDP of one step at `groupOrders`, for a group of up to `size` examples: upper bounds. */
export function groupRdp(mechanism: SampledGaussian, size: number): Float64Array {
  const key = `${mechanism.samplingRate} ${mechanism.noiseMultiplier} ${size}`;
  const known = curves.get(key);
  if (known) return known;
  const curve = computeRdp(mechanism, size);
  if (curves.size >= MOST_CURVES) curves.clear();
  curves.set(key, curve);
  return curve;
}

function computeRdp({ samplingRate: q, noiseMultiplier: sigma }: SampledGaussian, size: number): Float64Array {
  const shift = size / sigma;
  if (!(shift <= LARGEST_SHIFT)) return new Float64Array(groupOrders.length).fill(Number.POSITIVE_INFINITY);
  if (q === 1) return Float64Array.from(groupOrders, (order) => ((order * shift * shift) / 2) * (1 + ROUNDING));
  const ratio = new LogRatio(q, sigma, size);
  const low = -REACH;
  const width = (2 * REACH + 2 * shift) / CELLS;
  const nodes = Array.from({ length: CELLS + 1 }, (_, i) => low + i * width);
  const atNodes = nodes.map((z) => ratio.at(z).log);
  const middles = nodes.slice(0, -1).map((z) => ({ z: z + width / 2, ...ratio.at(z + width / 2) }));
  const grid = { nodes, atNodes, middles, shift, least: ratio.least };
  return Float64Array.from(groupOrders, (order) => {
    const logMoment = Math.max(logMomentAbove(grid, order), logMomentBelow(grid, order));
    const lost = ROUNDING * (1 + (order * shift + REACH) ** 2);
    return (Math.max(0, logMoment) + lost) / (order - 1);
  });
}

interface Grid {
  readonly nodes: readonly number[];
  /** log L there. */
  readonly atNodes: readonly number[];
  readonly middles: readonly { readonly z: number; readonly log: number; readonly slope: number }[];
  /** k/σ: the largest slope of log L. */
  readonly shift: number;
  /** log L at −∞. */
  readonly least: number;
}

/** log E_Q[L^α] at most. */
function logMomentAbove({ nodes, atNodes, shift }: Grid, order: number): number {
  const last = nodes.length - 1;
  const node = (i: number) => ({ z: nodes[i] as number, log: order * (atNodes[i] as number) });
  // L grows with z, and log L no faster than `shift`.
  const parts = [
    logIntegral(node(0), 0, Number.NEGATIVE_INFINITY, node(0).z),
    logIntegral(node(last), order * shift, node(last).z, Number.POSITIVE_INFINITY),
  ];
  for (let i = 0; i < last; i++) {
    const [from, to] = [node(i), node(i + 1)];
    parts.push(logIntegral(from, (to.log - from.log) / (to.z - from.z), from.z, to.z));
  }
  return logSum(parts);
}

/** log E_Q[L^(1−α)] at most. */
function logMomentBelow({ nodes, atNodes, middles, least }: Grid, order: number): number {
  const [first, last] = [nodes[0] as number, nodes.at(-1) as number];
  const parts = [
    logIntegral({ z: 0, log: (1 - order) * least }, 0, Number.NEGATIVE_INFINITY, first),
    logIntegral({ z: 0, log: (1 - order) * (atNodes.at(-1) as number) }, 0, last, Number.POSITIVE_INFINITY),
  ];
  middles.forEach(({ z, log, slope }, i) => {
    const tangent = { z, log: (1 - order) * log };
    parts.push(logIntegral(tangent, (1 - order) * slope, nodes[i] as number, nodes[i + 1] as number));
  });
  return logSum(parts);
}

/** log ∫ φ(z) e^(log + slope·(z − at.z)) dz over [from, to]. */
function logIntegral(
  at: { readonly z: number; readonly log: number },
  slope: number,
  from: number,
  to: number,
): number {
  return at.log - slope * at.z + (slope * slope) / 2 + logNormalBetween(from - slope, to - slope);
}

function logSum(logs: readonly number[]): number {
  const largest = logs.reduce((most, log) => Math.max(most, log), Number.NEGATIVE_INFINITY);
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
}

/** log L(z) = log Σ_j b_j e^(j·z/σ − j²/2σ²), for 0 < q < 1. */
class LogRatio {
  private readonly constants: Float64Array;

  constructor(
    q: number,
    private readonly sigma: number,
    size: number,
  ) {
    this.constants = new Float64Array(size + 1);
    let binomial = 0;
    for (let j = 0; j <= size; j++) {
      if (j > 0) binomial += Math.log((size - j + 1) / j);
      this.constants[j] = binomial + j * Math.log(q) + (size - j) * Math.log1p(-q) - (j * j) / (2 * sigma * sigma);
    }
  }

  get least(): number {
    return this.constants[0] as number;
  }

  /** log L and its derivative. */
  at(z: number): { readonly log: number; readonly slope: number } {
    const x = z / this.sigma;
    let largest = Number.NEGATIVE_INFINITY;
    this.constants.forEach((constant, j) => {
      largest = Math.max(largest, constant + j * x);
    });
    let sum = 0;
    let weighted = 0;
    this.constants.forEach((constant, j) => {
      const term = Math.exp(constant + j * x - largest);
      sum += term;
      weighted += j * term;
    });
    return { log: largest + Math.log(sum), slope: weighted / sum / this.sigma };
  }
}
