/** The privacy loss of one step of the subsampled Gaussian as a function of a standard normal z. */
import type { SampledGaussian } from "./mechanism.js";
import { normalReach } from "./normal.js";

/** A mechanism's losses beside the standard normal z that brings them about; the loss is floor + distance. */
export interface LossCurve {
  readonly floor: number;
  readonly sigma: number;
  distance(z: number): number;
  z(distance: number): number;
}

/** P is the mixture (1 − q)·N(0, σ²) + q·N(1, σ²), Q is N(0, σ²); log(P/Q) grows with z. */
export function lossCurve({ samplingRate: q, noiseMultiplier: sigma }: SampledGaussian): LossCurve {
  const centre = 0.5 / sigma;
  if (q === 1) {
    return { floor: 0, sigma, distance: (z) => (z - centre) / sigma, z: (distance) => sigma * distance + centre };
  }
  const floor = Math.log1p(-q);
  const odds = Math.log(q) - floor;
  return {
    floor,
    sigma,
    distance: (z) => log1pExp((z - centre) / sigma + odds),
    z: (distance) => (distance <= 0 ? Number.NEGATIVE_INFINITY : sigma * (logExpm1(distance) - odds) + centre),
  };
}

/** z between which all but `mass` lies: of Q below, of P above. */
export function ends(
  { samplingRate: q, noiseMultiplier: sigma }: SampledGaussian,
  mass: number,
): { low: number; high: number } {
  const reach = normalReach(mass / 2);
  const reachSampled = normalReach(Math.min(mass / q / 2, 0.25));
  return { low: -reach, high: Math.max(reach, 1 / sigma + reachSampled) };
}

/** log(e^x − 1) for x > 0, without overflow. */
function logExpm1(x: number): number {
  return x > 1 ? x + Math.log1p(-Math.exp(-x)) : Math.log(Math.expm1(x));
}

/** log(1 + e^x), without overflow. */
function log1pExp(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}
