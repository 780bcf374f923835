/**
 * The privacy loss log(P/Q) of one step as a function of a standard normal's scale z, for the two distributions that no
 * step with that sampling exceeds. Both curves grow with z.
 */

import { log1pExp, logExpm1, logistic } from "../logarithms.js";
import { noiseOverDistance, type SampledGaussian } from "../mechanism.js";
import { DENSITY, normalBelow, normalReach } from "../normal.js";
import type { GaussPanels } from "./gauss-panels.js";

/** A mechanism's losses beside the z that brings them about; the loss is floor + distance. */
export interface LossCurve {
  readonly floor: number;
  /** No loss is below the floor: distances are positive. */
  readonly bounded: boolean;
  readonly sigma: number;
  /** The loss grows by at most this for one of z. */
  readonly steepness: number;
  /** How far beyond the standard normal's reach Q extends. */
  readonly shift: number;
  distance(z: number): number;
  z(distance: number): number;
  /** Q's density at z, and its mass below and above. */
  density(z: number): number;
  below(z: number): number;
  above(z: number): number;
  /** P's mass above z. */
  sampledAbove(z: number): number;
  /** X(z)/X(pivot) − 1, up to a factor that depends on the pivot alone, where X = P/Q; nothing cancels. */
  gain(z: number, pivot: number): number;
  /** z between which all but `mass` lies: of Q below, of P above. */
  ends(mass: number): { readonly low: number; readonly high: number };
  /** Where P's losses mirror Q's: the curve is that of losses from 0 on (loss-mirror.ts). */
  readonly mirror?: Mirror;
}

export interface Mirror {
  /** Q's mass at loss 0 itself, beside what the curve holds. */
  readonly atom: number;
  /** Q's mass of losses between that of z and its mirror image, without the atom. */
  around(z: number, panels: GaussPanels): number;
}

export function lossCurve(mechanism: SampledGaussian): LossCurve {
  const { samplingRate, noiseMultiplier } = mechanism;
  if (mechanism.sample) return new FixedSizeCurve(samplingRate, noiseOverDistance(mechanism));
  if (mechanism.relation) return new ReplacedCurve(samplingRate, noiseMultiplier);
  return new SampledCurve(samplingRate, noiseMultiplier);
}

/** P is the mixture (1 − q)·N(0, σ²) + q·N(1, σ²), Q is N(0, σ²). */
class SampledCurve implements LossCurve {
  readonly floor: number;
  readonly bounded: boolean;
  readonly steepness: number;
  readonly shift = 0;
  private readonly odds: number;
  private readonly centre: number;

  constructor(
    protected readonly q: number,
    readonly sigma: number,
  ) {
    this.bounded = q < 1;
    this.floor = this.bounded ? Math.log1p(-q) : 0;
    this.odds = Math.log(q) - this.floor;
    this.centre = 0.5 / sigma;
    this.steepness = 1 / sigma;
  }

  distance(z: number): number {
    const loss = (z - this.centre) / this.sigma;
    return this.bounded ? log1pExp(loss + this.odds) : loss;
  }

  z(distance: number): number {
    if (!this.bounded) return this.sigma * distance + this.centre;
    if (distance <= 0) return Number.NEGATIVE_INFINITY;
    return this.sigma * (logExpm1(distance) - this.odds) + this.centre;
  }

  density(z: number): number {
    return DENSITY * Math.exp(-0.5 * z * z);
  }

  below(z: number): number {
    return normalBelow(z);
  }

  above(z: number): number {
    return normalBelow(-z);
  }

  sampledAbove(z: number): number {
    return (1 - this.q) * normalBelow(-z) + this.q * normalBelow(1 / this.sigma - z);
  }

  gain(z: number, pivot: number): number {
    return Math.expm1((z - pivot) / this.sigma);
  }

  ends(mass: number): { low: number; high: number } {
    const reach = normalReach(mass / 2);
    return { low: -reach, high: Math.max(reach, 1 / this.sigma + sampledReach(mass, this.q)) };
  }
}

/** The losses above 0 of a sample of fixed size are those of the mixture; the atom: P₁ lacks there what Q₁ has below 0. */
class FixedSizeCurve extends SampledCurve {
  readonly mirror: Mirror = {
    atom: (1 - this.q) * (1 - 2 * normalBelow(-0.5 / this.sigma)),
    around: (z, panels) => {
      const zero = 0.5 / this.sigma;
      panels.integrate(zero, z, zero);
      // Q above 0, and P there for Q below: X is 1 + q·gain, of the pivot 0.
      return 2 * panels.mass + this.q * panels.excess;
    },
  };
}

/**
 * P is (1 − q)·N(0, σ²) + q·N(1, σ²), Q is (1 − q)·N(0, σ²) + q·N(−1, σ²): an example of a Poisson sample that becomes
 * its opposite, the worst that it can become (docs/accounting.md). The loss is an odd function of z.
 */
class ReplacedCurve implements LossCurve {
  readonly floor = 0;
  readonly bounded = false;
  readonly mirror: Mirror = {
    atom: 0,
    around: (z, panels) => {
      panels.integrate(-z, z, 0);
      return panels.mass;
    },
  };
  readonly steepness: number;
  readonly shift: number;
  /** log of q·e^(−1/2σ²) over 1 − q. */
  private readonly odds: number;

  constructor(
    private readonly q: number,
    readonly sigma: number,
  ) {
    this.odds = Math.log(q) - Math.log1p(-q) - 0.5 / sigma ** 2;
    this.steepness = 2 / sigma;
    this.shift = 1 / sigma;
  }

  distance(z: number): number {
    return log1pExp(z / this.sigma + this.odds) - log1pExp(-z / this.sigma + this.odds);
  }

  /** With odds o the loss d has z/σ = d/2 + asinh(sinh(d/2)/o): the root of a quadratic in e^(z/σ). */
  z(distance: number): number {
    const half = Math.abs(distance) / 2;
    const log = logSinh(half) - this.odds;
    const size = this.sigma * (half + (log > 20 ? log + Math.LN2 : Math.asinh(Math.exp(log))));
    return distance < 0 ? -size : size;
  }

  density(z: number): number {
    const moved = z + 1 / this.sigma;
    return DENSITY * ((1 - this.q) * Math.exp(-0.5 * z * z) + this.q * Math.exp(-0.5 * moved * moved));
  }

  below(z: number): number {
    return (1 - this.q) * normalBelow(z) + this.q * normalBelow(z + 1 / this.sigma);
  }

  above(z: number): number {
    return (1 - this.q) * normalBelow(-z) + this.q * normalBelow(-z - 1 / this.sigma);
  }

  sampledAbove(z: number): number {
    return this.below(-z);
  }

  /** All terms have the sign of z − pivot: a is P's share of the sampled part at the pivot, b is Q's at z. */
  gain(z: number, pivot: number): number {
    const growth = Math.expm1((z - pivot) / this.sigma);
    const a = logistic(pivot / this.sigma + this.odds);
    const b = logistic(-z / this.sigma + this.odds);
    return growth * (a * (1 - b) + (1 - a) * b + a * b * (2 + growth));
  }

  ends(mass: number): { low: number; high: number } {
    const high = Math.max(normalReach(mass / 2), 1 / this.sigma + sampledReach(mass, this.q));
    return { low: -high, high };
  }
}

/** A reach of the sampled part, whose weight is q. */
function sampledReach(mass: number, q: number): number {
  return normalReach(Math.min(mass / q / 2, 0.25));
}

/** log sinh x for x ≥ 0, without overflow. */
function logSinh(x: number): number {
  return x > 1 ? x - Math.LN2 + Math.log1p(-Math.exp(-2 * x)) : Math.log(Math.sinh(x));
}
