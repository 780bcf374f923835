/**
 * The privacy loss of one step, on a lattice of losses: from above and from below.
 *
 * With X = P/Q the likelihood ratio, δ(ε) = E_Q[(X − e^ε)₊] for removal and E_Q[(1 − e^ε·X)₊] for addition of an example
 * are expectations of convex functions of X, and so they are over any number of steps, in each step's X. Hence:
 * - **above** ("connect the dots", Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022, arXiv:2207.04380): X between two
 *   points of the lattice is moved to one or the other at random, its mean kept. δ(ε) does not fall, by Jensen.
 * - **below**: the line is cut into intervals such that the mean of X in each is a point of the lattice, and X is replaced
 *   by that mean. δ(ε) does not grow, by Jensen again.
 * Both err by the square of the spacing. The lattice starts at the smallest loss, log(1 − q), where the mass of a small
 * sampling rate lies: it is not moved at all. Where an example is replaced, losses have no smallest, and 0 is a point.
 */

import type { SampledGaussian } from "../mechanism.js";
import { normalBelow } from "../normal.js";
import { GaussPanels } from "./gauss-panels.js";
import { type LossCurve, lossCurve, type Mirror } from "./loss-curve.js";
import { mirrored } from "./loss-mirror.js";

export interface LossLattice {
  /** The loss at index 0; index k has offset + k·spacing. */
  readonly offset: number;
  readonly spacing: number;
  /** log Q of each point. P's is that plus the loss. −∞: no mass. */
  readonly logMass: Float64Array;
  /** The index where almost all mass lies if the sampling rate is small: the least loss, or 0 where losses have none. */
  readonly atom: number;
  /** Bounds P's mass of losses too large for the lattice, and Q's of losses too small: infinite loss of either direction. */
  readonly missing: number;
  /** More than one point can be off, by rounding. */
  readonly lossRounding: number;
  /** More than one mass can be off, relatively. */
  readonly massRounding: number;
}

/** Of a step's quadrature and exponentials; docs/accounting.md. */
const MASS_ROUNDING = 2 ** -39;

/** How many points a lattice of that spacing has, about. */
export function latticeLength(mechanism: SampledGaussian, spacing: number, missing: number): number {
  const curve = lossCurve(mechanism);
  const { low, high } = curve.ends(missing);
  const width = curve.mirror ? 2 * (curve.distance(high) + curve.floor) : curve.distance(high) - curve.distance(low);
  return width / spacing + 18;
}

/** The loss from above; at most `missing` mass is left out and told. */
export function lossAbove(mechanism: SampledGaussian, spacing: number, missing: number): LossLattice {
  const curve = lossCurve(mechanism);
  const { low, high } = curve.ends(missing);
  const told = { spacing, missing, lossRounding: rounding(curve, high), massRounding: MASS_ROUNDING };
  if (curve.mirror) return { ...told, ...mirroredAbove(curve, curve.mirror, high, spacing) };
  const lowest = curve.distance(low);
  const fromFloor = curve.bounded && lowest <= 16 * spacing;
  const first = fromFloor ? 0 : Math.floor(lowest / spacing) * spacing;
  const left = fromFloor ? Number.NEGATIVE_INFINITY : curve.z(first);
  const mass = massAbove(curve, { first, left, high, spacing });
  // What lies outside is moved to the ends, upwards in the direction for which it is not lost.
  mass[0] = (mass[0] as number) + curve.below(left);
  return { ...told, offset: curve.floor + first, logMass: mass.map(Math.log), atom: 0 };
}

function mirroredAbove(curve: LossCurve, { atom }: Mirror, high: number, spacing: number) {
  const mass = massAbove(curve, { first: -curve.floor, left: curve.z(-curve.floor), high, spacing });
  const centre = 2 * (mass[0] as number) + atom;
  return mirrored({ above: mass.subarray(1), centre, beyond: curve.sampledAbove(high) }, spacing);
}

interface Stretch {
  /** The distance of the first point. */
  readonly first: number;
  /** Where z begins. */
  readonly left: number;
  /** Where z ends, about. */
  readonly high: number;
  readonly spacing: number;
}

/** Q from `left` on, dealt to the points; what lies above the last is moved to it. */
function massAbove(curve: LossCurve, { first, left: start, high, spacing }: Stretch): Float64Array {
  const count = Math.max(2, Math.ceil((curve.distance(high) - first) / spacing) + 1);
  const mass = new Float64Array(count);
  const panels = new GaussPanels(curve);
  let left = start;
  for (let k = 0; k + 1 < count; k++) {
    const right = curve.z(first + (k + 1) * spacing);
    const upper =
      left === Number.NEGATIVE_INFINITY ? floorShare(curve, right, panels) : share(curve, left, right, panels);
    mass[k] = (mass[k] as number) + panels.mass - upper;
    mass[k + 1] = (mass[k + 1] as number) + upper;
    left = right;
  }
  mass[count - 1] = (mass[count - 1] as number) + curve.above(left);
  return mass;
}

/** Fills `panels.mass` from `left` to `right`, and gives the part of it that goes to the right end. */
function share(curve: LossCurve, left: number, right: number, panels: GaussPanels): number {
  panels.integrate(left, right, left);
  return panels.excess / curve.gain(right, left);
}

/** The same from −∞, where X is 1 − q: (E[X] − (1 − q)) over (X(right) − (1 − q)), Gaussian integrals both. */
function floorShare({ sigma }: LossCurve, right: number, panels: GaussPanels): number {
  panels.mass = normalBelow(right);
  return normalBelow(right - 1 / sigma) * Math.exp(-(right - 0.5 / sigma) / sigma);
}

/** The loss from below; what is left out at the ends counts for nothing. */
export function lossBelow(mechanism: SampledGaussian, spacing: number, missing: number): LossLattice {
  const curve = lossCurve(mechanism);
  const { low, high } = curve.ends(missing);
  const lossRounding = rounding(curve, high) + BALANCE * spacing;
  const told = { spacing, missing: 0, lossRounding, massRounding: MASS_ROUNDING };
  if (curve.mirror) return { ...told, ...mirroredBelow(curve, curve.mirror, high, spacing) };
  const fromFloor = curve.bounded && curve.distance(low) <= spacing;
  // The first interval ends half a spacing above its point, so that the next ones lie about their points evenly.
  const left = fromFloor ? floorInterval(curve, spacing, low, high) : low;
  const first = fromFloor ? meanDistance(curve, left) : curve.distance(low) + spacing / 2;
  const mass = massBelow(curve, { first, left, high, spacing });
  if (fromFloor) mass[0] = normalBelow(left);
  return { ...told, offset: curve.floor + first, logMass: mass.map(Math.log), atom: 0 };
}

/** The interval about 0 has its mean there, whatever its width. */
function mirroredBelow(curve: LossCurve, { atom, around }: Mirror, high: number, spacing: number) {
  const left = Math.min(high, curve.z(spacing / 2 - curve.floor));
  const centre = around(left, new GaussPanels(curve)) + atom;
  const above = massBelow(curve, { first: spacing - curve.floor, left, high, spacing });
  return mirrored({ above, centre, beyond: 0 }, spacing);
}

/** Q from `left` on, in intervals whose means are points; points that lie before `left` have none. */
function massBelow(curve: LossCurve, { first, left: start, high, spacing }: Stretch): Float64Array {
  const mass = new Float64Array(Math.max(1, Math.ceil((curve.distance(high) - first) / spacing)));
  const panels = new GaussPanels(curve);
  let left = start;
  for (let k = 0; k < mass.length; k++) {
    const point = curve.z(first + k * spacing);
    if (point <= left) continue;
    const right = balancedEnd(curve, left, point, high, panels);
    if (right === undefined) break;
    panels.integrate(left, right, point);
    mass[k] = panels.mass;
    left = right;
  }
  return mass;
}

/** log of X's mean below z, less the floor. */
function meanDistance({ floor, sigma }: LossCurve, z: number): number {
  const odds = Math.log(-Math.expm1(floor)) - floor;
  return Math.log1p(Math.exp(odds) * (normalBelow(z - 1 / sigma) / normalBelow(z)));
}

/** The z whose distance is half a spacing above the mean's below it; at most `high`. */
function floorInterval(curve: LossCurve, spacing: number, low: number, high: number): number {
  const above = (z: number) => curve.distance(z) - meanDistance(curve, z) - spacing / 2;
  let from = low;
  let to = high;
  if (above(to) <= 0) return to;
  for (let i = 0; i < 60; i++) {
    const middle = (from + to) / 2;
    if (above(middle) > 0) to = middle;
    else from = middle;
  }
  return from;
}

/** How far, of the interval, a mean may be from its point. */
const BALANCE = 2 ** -36;
const Z_ROUNDING = 2 ** -50;

/** Where an interval from `left` must end for X to have its value at `point` as its mean; undefined beyond `high`. */
function balancedEnd(
  curve: LossCurve,
  left: number,
  point: number,
  high: number,
  panels: GaussPanels,
): number | undefined {
  let right = Math.min(2 * point - left, high);
  panels.integrate(left, right, point);
  const scale = panels.mass * Math.abs(curve.gain(left, point));
  let excess = panels.excess;
  let from = point;
  let to = high;
  for (let i = 0; i < 60; i++) {
    const slope = curve.density(right) * curve.gain(right, point);
    // Balanced, or as near to it as z can be told: what that is of the loss is part of lossRounding.
    if (Math.abs(excess) <= BALANCE * scale + Z_ROUNDING * (1 + Math.abs(right)) * slope) return right;
    if (excess < 0) from = right;
    else to = right;
    const newton = right - excess / slope;
    const next = newton > from && newton < to ? newton : (from + to) / 2;
    // Only what the end moved is integrated anew.
    panels.integrate(Math.min(right, next), Math.max(right, next), point);
    excess += next > right ? panels.excess : -panels.excess;
    right = next;
  }
  return undefined;
}

/** z is off by a few roundings of what it is made of; the loss changes by at most the steepness times that. */
function rounding({ floor, sigma, steepness }: LossCurve, high: number): number {
  return 2 ** -50 * (64 + Math.abs(floor) + steepness / (2 * sigma) + high * steepness);
}
