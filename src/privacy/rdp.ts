/**
 * The RDP accountant: Rényi divergences at a list of orders add up over steps (Mironov 2017); the best order's bound
 * is converted to (ε, δ).
 */
import type { EpsilonReport } from "./accountant.js";
import { checkNumber, ranges } from "./check.js";
import { CountingAccountant } from "./counting-accountant.js";
import type { MechanismSteps, SampledGaussian } from "./mechanism.js";
import { rdpOfMechanism } from "./rdp-of-mechanism.js";

/**
 * The orders of dp-accounting: 1.1, 1.2, … 10.9, then 11 … 63, 128, 256, 512, 1024. Opacus' default is the same list
 * without 11 and the last four, so ε here is never above Opacus' for want of an order.
 */
export const defaultOrders: readonly number[] = Object.freeze([
  ...Array.from({ length: 99 }, (_, index) => 1 + (index + 1) / 10),
  ...Array.from({ length: 53 }, (_, index) => 11 + index),
  128,
  256,
  512,
  1024,
]);

/** The conversion divides by order − 1: orders nearer to 1 serve only the total-variation bound. */
const SMALLEST_CONVERTED_ORDER = 1.01;

/** As in subsampled-gaussian.ts: more than the conversion's own rounding. */
const ROUNDING = 2 ** -50;

/** Of the default orders: curves take milliseconds, and a run asks for the same ones from several accountants. */
const defaultCurves = new Map<string, Float64Array>();
const MOST_CURVES = 4096;

export class RdpAccountant extends CountingAccountant {
  readonly name = "rdp";
  readonly upperBound = true;
  private readonly curves: Map<string, Float64Array>;

  /** `orders`: each finite and > 1, at least one. */
  constructor(readonly orders: readonly number[] = defaultOrders) {
    super();
    if (orders.length === 0) throw new RangeError("orders must hold at least one order, got none");
    for (const order of orders) {
      checkNumber("order", order, { min: 1, max: Number.MAX_SAFE_INTEGER, openMin: true });
    }
    this.curves = orders === defaultOrders ? defaultCurves : new Map();
  }

  protected answer(rows: readonly MechanismSteps[], delta: number): EpsilonReport {
    return epsilonOfRdp(this.orders, this.total(rows), delta);
  }

  /** RDP of all steps, by order. */
  divergences(): Float64Array {
    return this.total(this.steps());
  }

  private total(rows: readonly MechanismSteps[]): Float64Array {
    const total = new Float64Array(this.orders.length);
    for (const row of rows) {
      if (row.steps === 0) continue;
      const curve = this.curve(row);
      for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + row.steps * (curve[i] ?? 0);
    }
    return total;
  }

  private curve(mechanism: SampledGaussian): Float64Array {
    const { samplingRate, noiseMultiplier, relation = "", sample = "" } = mechanism;
    const key = `${samplingRate} ${noiseMultiplier} ${relation} ${sample}`;
    const known = this.curves.get(key);
    if (known) return known;
    const curve = Float64Array.from(this.orders, (order) => rdpOfMechanism(mechanism, order));
    if (this.curves.size >= MOST_CURVES) this.curves.clear();
    this.curves.set(key, curve);
    return curve;
  }
}

/**
 * The smallest ε at `delta` that the RDP values `rdp[i]` at `orders[i]` prove.
 *
 * ε = RDP(α) + log(1 − 1/α) − log(δα)/(α − 1): Canonne, Kamath, Steinke, "The Discrete Gaussian", 2020, proposition 12
 * (arXiv:2004.00010); and ε = 0 where δ² ≥ 1 − e^(−RDP), since a Rényi divergence of any order > 1 bounds the
 * Kullback–Leibler divergence and δ ≤ √(1 − e^(−KL)) (Bretagnolle–Huber). The same two as dp-accounting's.
 */
export function epsilonOfRdp(orders: readonly number[], rdp: ArrayLike<number>, delta: number): EpsilonReport {
  checkNumber("delta", delta, ranges.delta);
  let best = Number.POSITIVE_INFINITY;
  let bestOrder: number | undefined;
  for (const [index, order] of orders.entries()) {
    const epsilon = epsilonAtOrder(order, rdp[index] ?? Number.POSITIVE_INFINITY, delta);
    if (epsilon >= best) continue;
    best = epsilon;
    bestOrder = order;
  }
  if (bestOrder === undefined) return { epsilon: best };
  return { epsilon: Math.max(0, best), order: bestOrder };
}

/**
 * The smallest δ at `epsilon` that the RDP values prove: the same conversion the other way round,
 * δ = e^((α − 1)(RDP − ε))/α·(1 − 1/α)^(α − 1).
 */
export function deltaOfRdp(orders: readonly number[], rdp: ArrayLike<number>, epsilon: number): number {
  let best = 0;
  for (const [index, order] of orders.entries()) {
    if (order <= SMALLEST_CONVERTED_ORDER) continue;
    const divergence = rdp[index] ?? Number.POSITIVE_INFINITY;
    best = Math.min(best, (order - 1) * (divergence - epsilon + Math.log1p(-1 / order)) - Math.log(order));
  }
  return Math.min(1, Math.exp(best) * (1 + 2 ** -30));
}

/** The largest RDP at `order` that proves ε at δ by that conversion, rounded down; below 0 where none does. */
export function rdpBudget(order: number, epsilon: number, delta: number): number {
  if (order <= SMALLEST_CONVERTED_ORDER) return -1;
  const shrink = Math.log1p(-1 / order);
  const tail = (Math.log(delta) + Math.log(order)) / (order - 1);
  return epsilon - shrink + tail - ROUNDING * (epsilon - shrink + Math.abs(tail));
}

function epsilonAtOrder(order: number, rdp: number, delta: number): number {
  if (delta * delta * (1 - ROUNDING) > -Math.expm1(-rdp)) return 0;
  if (order <= SMALLEST_CONVERTED_ORDER) return Number.POSITIVE_INFINITY;
  const shrink = Math.log1p(-1 / order);
  const tail = (Math.log(delta) + Math.log(order)) / (order - 1);
  return rdp + shrink - tail + ROUNDING * (rdp - shrink + Math.abs(tail));
}
