/**
 * Rényi differential privacy of the Poisson-subsampled Gaussian mechanism, one step, sensitivity 1.
 *
 * Mironov, Talwar, Zhang: "Rényi Differential Privacy of the Sampled Gaussian Mechanism", 2019 (arXiv:1908.10530):
 * RDP(α) = log A(α) / (α − 1), A(α) = E_{z ~ N(0, σ²)}[((1 − q) + q·e^((2z − 1)/2σ²))^α], for add and remove alike.
 *
 * Every result is an upper bound on the exact value:
 * - integer α: A − 1 = Σ_{k≥2} C(α,k) (1−q)^(α−k) q^k (e^(k(k−1)/2σ²) − 1), since the binomial weights sum to one and
 *   k = 0, 1 contribute nothing more. All terms are positive, so nothing cancels even where A − 1 is 1e-20;
 * - fractional α: the series of section 3.3 with the absolute values of its terms, as dp-accounting sums it. Beyond α
 *   the signs alternate and the terms fall, so a sum of absolute values that stops there is above the true sum;
 * - each logarithm is moved up by `ROUNDING` of the magnitudes it was added up from: more than the float64 operations
 *   behind it can have lost (a handful, each within 2⁻⁵³ or 2⁻⁵²). For training that is below 1e-9 in ε.
 */
import erfcx from "@stdlib/math-base-special-erfcx";
import { log1pExp, logExpm1 } from "./logarithms.js";
import type { SampledGaussian } from "./mechanism.js";

const ROUNDING = 2 ** -50;

/** dp-accounting's limit: an order that has not converged by then is left out (∞), which is never below the truth. */
const MAX_TERMS = 1000;

/** Below, RDP is beyond 1e11 anyway: as good as no noise, and safe from overflow. */
const SMALLEST_NOISE = 1e-6;

/** A term this far below the sum, in log space, ends the series. */
const NEGLIGIBLE = -30;

/** RDP of one step at `order` > 1; ∞ (almost) without noise. The mechanism must have been checked. */
export function rdpOfStep({ samplingRate: q, noiseMultiplier: sigma }: SampledGaussian, order: number): number {
  if (q === 0) return 0;
  if (sigma < SMALLEST_NOISE) return Number.POSITIVE_INFINITY;
  if (q === 1) return (order / (2 * sigma * sigma)) * (1 + ROUNDING);
  const logMoment = Number.isInteger(order) ? logMomentInteger(q, sigma, order) : logMomentFractional(q, sigma, order);
  return (logMoment / (order - 1)) * (1 + ROUNDING);
}

function logMomentInteger(q: number, sigma: number, order: number): number {
  const logQ = Math.log(q);
  const logNotQ = Math.log1p(-q);
  const terms = new LogSum();
  const binomial = new LogBinomial(order);
  for (let k = 1; k <= order; k++) {
    binomial.next();
    if (k === 1) continue;
    // An exponent that underflows is rounded up, not to "no difference at all".
    const exponent = Math.max((k * (k - 1)) / (2 * sigma * sigma), Number.MIN_VALUE);
    const growth = logExpm1(exponent);
    const chosen = k * logQ;
    const left = (order - k) * logNotQ;
    const size = binomial.magnitude + Math.max(exponent, Math.abs(growth)) - chosen - left;
    terms.add(binomial.log + chosen + left + growth, size);
  }
  // The plain sum over k = 0 … α, as others evaluate it, carries the rounding of its log-factorials in the terms that
  // cancelled here. It is granted too, so that ε is not below theirs by a last digit.
  const plainRounding = ROUNDING * order * Math.log(order) * Math.min(1, order * q);
  return log1pExp(terms.log()) + plainRounding;
}

function logMomentFractional(q: number, sigma: number, order: number): number {
  const logQ = Math.log(q);
  const logNotQ = Math.log1p(-q);
  const variance = sigma * sigma;
  // The integrand's two expansions meet at z0, where (1 − q) = q·e^((2z − 1)/2σ²).
  const z0 = variance * (logNotQ - logQ) + 0.5;
  const width = Math.SQRT2 * sigma;
  // Past z0 the powers of q, e^(i²/2σ²) and erfc combine into this constant exactly: summing them up one by one would
  // cancel numbers of the size of i²/σ².
  const plateau = order * logNotQ - (z0 * z0) / (2 * variance);

  const part = (power: number, binomial: LogBinomial, distance: number): readonly [number, number] => {
    if (distance >= 0) {
      const tail = Math.log(erfcx(distance) / 2);
      return [binomial.log + plateau + tail, binomial.magnitude + Math.abs(plateau) + Math.abs(tail)];
    }
    const chosen = power * logQ;
    const left = (order - power) * logNotQ;
    const growth = (power * (power - 1)) / (2 * variance);
    const mass = Math.log1p(-(erfcx(-distance) * Math.exp(-distance * distance)) / 2);
    const size = binomial.magnitude + Math.abs(chosen) + Math.abs(left) + Math.abs(growth) + Math.abs(mass);
    return [binomial.log + chosen + left + growth + mass, size];
  };

  const sum = new LogSum();
  const binomial = new LogBinomial(order);
  let last0 = Number.NEGATIVE_INFINITY;
  let last1 = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < MAX_TERMS; i++) {
    if (i > 0) binomial.next();
    const j = order - i;
    const [below, belowSize] = part(i, binomial, (i - z0) / width);
    const [above, aboveSize] = part(j, binomial, (z0 - j) / width);
    sum.add(below, belowSize);
    sum.add(above, aboveSize);
    const falling = i > order && below < last0 && above < last1;
    if (falling && Math.max(below, above) < sum.log() + NEGLIGIBLE) return Math.max(0, sum.log());
    last0 = below;
    last1 = above;
  }
  return Number.POSITIVE_INFINITY;
}

/** log |C(order, k)|, from k = 0 upwards, with compensated summation; any real order. */
class LogBinomial {
  log = 0;
  /** Σ of the absolute values of what was added up: the scale of the rounding in `log`. */
  magnitude = 0;
  private k = 0;
  private lost = 0;

  constructor(private readonly order: number) {}

  next(): void {
    this.k++;
    const step = Math.log(Math.abs(this.order - this.k + 1) / this.k);
    const corrected = step - this.lost;
    const next = this.log + corrected;
    this.lost = next - this.log - corrected;
    this.log = next;
    this.magnitude += Math.abs(step);
  }
}

/** Σ of positive numbers given by their logarithms, scaled by the largest so far and rounded up. */
class LogSum {
  private largest = Number.NEGATIVE_INFINITY;
  private scaled = 0;
  private terms = 0;

  /** Adds e^log; `size` bounds the magnitudes that log was added up from. */
  add(log: number, size: number): void {
    const up = log + ROUNDING * size;
    this.terms++;
    if (up === Number.NEGATIVE_INFINITY) return;
    if (up > this.largest) {
      this.scaled = this.scaled * Math.exp(this.largest - up) + 1;
      this.largest = up;
      return;
    }
    this.scaled += this.largest === Number.POSITIVE_INFINITY ? 0 : Math.exp(up - this.largest);
  }

  log(): number {
    if (this.scaled === 0) return Number.NEGATIVE_INFINITY;
    return this.largest + Math.log(this.scaled * (1 + (this.terms + 4) * Number.EPSILON));
  }
}
