/** Rényi differential privacy of one step, whatever its sampling and relation: from that of a Poisson sample (subsampled-gaussian.ts). */
import { noiseOverDistance, type SampledGaussian } from "./mechanism.js";
import { rdpOfStep } from "./subsampled-gaussian.js";

/** More than the operations here can have lost. */
const ROUNDING = 2 ** -50;

/** Throws a RangeError about what has no Rényi divergence of its own, and is paid for in δ instead. */
export function checkRenyi({ failure = 0, discreteCoordinates }: SampledGaussian): void {
  if (failure > 0) throw new RangeError("failure must be 0: a probability of failure has no Rényi divergence");
  if (discreteCoordinates === undefined) return;
  throw new RangeError("discreteCoordinates must be absent: nothing is proved here of discrete noise");
}

/** RDP of one step at `order` > 1, never below the truth; ∞ (almost) without noise. The mechanism must have been checked. */
export function rdpOfMechanism(mechanism: SampledGaussian, order: number): number {
  const { samplingRate, relation, sample } = mechanism;
  const apart = { samplingRate, noiseMultiplier: noiseOverDistance(mechanism) };
  if (samplingRate === 1 || !(relation || sample)) return rdpOfStep(apart, order);
  const log = sample ? mirroredMoment(apart, order) : Math.min(replacedMoment(mechanism, order), told(apart, order));
  return (log / (order - 1)) * (1 + ROUNDING);
}

/**
 * By way of the data without the example (Mironov 2017, proposition 11, with p = 2):
 * (α − 1)·D_α(P‖Q) ≤ (α − ½)·D_2α(P‖R) + (α − 1)·D_(2α−1)(R‖Q), each a step that adds or removes one example.
 */
function replacedMoment({ samplingRate, noiseMultiplier }: SampledGaussian, order: number): number {
  const removed = rdpOfStep({ samplingRate, noiseMultiplier }, 2 * order);
  const added = rdpOfStep({ samplingRate, noiseMultiplier }, 2 * order - 1);
  return (order - 0.5) * removed + (order - 1) * added;
}

/** As if the step told whether the example was drawn: log(1 − q + q·e^((α − 1)·D_α)), D of Gaussians 2S apart. */
function told({ samplingRate, noiseMultiplier }: SampledGaussian, order: number): number {
  const whole = (order - 1) * rdpOfStep({ samplingRate: 1, noiseMultiplier }, order);
  // Beyond, e^whole overflows: the whole is a bound too.
  return whole > 600 ? whole : Math.log1p(samplingRate * Math.expm1(whole));
}

/**
 * Of a sample of fixed size: E_Q[X^α] − 1 is an integral of E_a over a with positive weights, and E_a for a ≥ 1 is that of
 * removal, for a < 1 that of addition (loss-mirror.ts): at most both together, of which addition is the smaller.
 */
function mirroredMoment(apart: SampledGaussian, order: number): number {
  const moment = (order - 1) * rdpOfStep(apart, order);
  return moment > 600 ? moment + Math.LN2 : Math.log1p(2 * Math.expm1(moment));
}
