/**
 * The lattice of a cycle's privacy loss (random-allocation.ts) at the spacing that composition asks for. The law itself is
 * kept at a few spacings, for calibration and training ask for the same one again and again.
 */

import type { AllocatedGaussian } from "../mechanism.js";
import { type Cells, indexOfLargest, SETTLE_ROUNDING } from "./lattice-settle.js";
import type { GeometricLaw } from "./lattice-sum.js";
import type { LossLattice } from "./loss-lattice.js";
import { coarsening, cycleLaw, doublingsOf, type Side, settles } from "./random-allocation.js";

const laws = new Map<string, GeometricLaw>();
const MOST_LAWS = 256;

/** Of all laws on one side: products of two masses, about. They take a tenth of a second. */
const MOST_PRODUCTS = 5e7;

/** Losses of a law that only shows where it lies are this far apart, at most. */
const COARSE = 2 ** -5;

/** `laws`: of how many rows there are such lattices, which share the time. */
export function cycleLattice(
  row: AllocatedGaussian,
  side: Side,
  spacing: number,
  missing: number,
  laws: number,
): LossLattice {
  const wanted = Math.max(lawSpacing(spacing), finest(row, missing, laws));
  const { offset, mass, massError, pointError } = regridded(lawOf(row, side, wanted, missing), spacing, side);
  return {
    offset,
    spacing,
    logMass: mass.map(Math.log),
    atom: indexOfLargest(mass),
    missing: side === "above" ? missing : 0,
    lossRounding: pointError,
    massRounding: massError + pointError,
  };
}

/** How many points it has, about; Infinity where the law is not made that fine. */
export function cycleLength(row: AllocatedGaussian, spacing: number, missing: number, laws: number): number {
  if (lawSpacing(spacing) < finest(row, missing, laws)) return Number.POSITIVE_INFINITY;
  return rangeOf(coarseLaw(row, missing)) / spacing + 2;
}

/** A law takes longer than a transform: its points lie farther apart. */
function lawSpacing(spacing: number): number {
  return rounded(2.8 * spacing);
}

/** To a power of √2: so many laws serve many spacings. */
function rounded(spacing: number): number {
  return 2 ** (Math.round(2 * Math.log2(spacing)) / 2);
}

/** Fine enough to tell where the loss of a cycle lies, and how its moments grow; no bound. */
export function coarseLaw(row: AllocatedGaussian, missing: number): GeometricLaw {
  const deviation = Math.sqrt(Math.log1p(Math.expm1(1 / noiseOf(row) ** 2) / Math.min(row.bins, MOST_BINS)));
  return lawOf(row, "above", Math.min(COARSE, 2 ** Math.floor(Math.log2(deviation / 2))), missing);
}

function rangeOf({ mass, spacing }: GeometricLaw): number {
  return mass.length * spacing;
}

/** The finest lattice of a law that does not take too long: of each sum, range/spacing points times as many groups of pairs. */
function finest(row: AllocatedGaussian, missing: number, laws: number): number {
  const bins = Math.min(row.bins, MOST_BINS);
  const doublings = doublingsOf(bins);
  const range = rangeOf(coarseLaw(row, missing));
  // Ranges shrink with the sums, from about this.
  const single = 24 / noiseOf(row);
  let products = 0;
  for (let left = 0; left < doublings; left++) {
    // A digit of `bins` takes a sum of its own, of two laws.
    const sums = Math.floor(bins / 2 ** (doublings - left)) % 2 === 1 && bins % 2 ** (doublings - left) > 0 ? 2.5 : 1;
    products += (sums * range * Math.max(1, single / range) ** (left / doublings)) / coarsening(left) ** 2;
  }
  return rounded(Math.sqrt((products * laws) / MOST_PRODUCTS));
}

/** More bins cost less, by Jensen: the mean of t ratios is, given itself and order apart, that of any fewer of them. */
export const MOST_BINS = 2 ** 20;
/** More noise counts as this: a cycle then spends next to nothing. */
export const MOST_NOISE = 1000;

function noiseOf({ noiseMultiplier }: AllocatedGaussian): number {
  return Math.min(noiseMultiplier, MOST_NOISE);
}

function lawOf(row: AllocatedGaussian, side: Side, spacing: number, missing: number): GeometricLaw {
  const bins = Math.min(row.bins, MOST_BINS);
  const noiseMultiplier = noiseOf(row);
  // Less is left out than may be.
  const left = 10 ** Math.floor(Math.log10(missing));
  const key = `${bins} ${noiseMultiplier} ${side} ${spacing} ${left}`;
  const known = laws.get(key);
  if (known) return known;
  const law = cycleLaw(bins, noiseMultiplier, side, spacing, left);
  if (laws.size >= MOST_LAWS) laws.clear();
  laws.set(key, law);
  return law;
}

/** More than the distances of points below can be off. */
const ROUNDING = 2 ** -44;

/** The same law on another lattice, from its first point on. */
function regridded(law: GeometricLaw, spacing: number, side: Side): GeometricLaw {
  const { offset, mass, pointError } = law;
  const count = Math.ceil(((mass.length - 1) * law.spacing) / spacing) + 2;
  const cells: Cells = { spacing, mass: new Float64Array(count), excess: new Float64Array(count) };
  for (let k = 0; k < mass.length; k++) {
    const weight = mass[k] as number;
    const cell = Math.floor((k * law.spacing) / spacing);
    cells.mass[cell] = (cells.mass[cell] as number) + weight;
    cells.excess[cell] = (cells.excess[cell] as number) + weight * Math.expm1(k * law.spacing - cell * spacing);
  }
  return {
    ...law,
    offset,
    spacing,
    mass: settles[side](cells),
    pointError: pointError + ROUNDING + 4 * SETTLE_ROUNDING * spacing,
  };
}
