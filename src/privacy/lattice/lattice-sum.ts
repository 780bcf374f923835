/**
 * The sum of two independent positive numbers, each on a geometric lattice e^(offset + k·spacing), on such a lattice again:
 * from above or from below, as loss-lattice.ts has it of one number.
 *
 * Of two points Δ apart, log(e^x + e^y) = x + log(1 + e^(−Δ)): the larger one's, moved by what depends on their distance
 * alone. All pairs with distances that end in the same cell between two points are dealt with at once: their mass, and
 * how far they lie above the cell's lower point, are sums over a stretch of the smaller number's points. Stretches are put
 * together from blocks of 2^k points, so that all terms are positive and nothing cancels. n points cost n·log 2/spacing
 * operations, where n² pairs are summed up.
 */

import { UNIT } from "../rounding.js";
import { type Cells, SETTLE_ROUNDING, type Settle } from "./lattice-settle.js";

/** Masses at e^(offset + k·spacing). */
export interface GeometricLaw {
  readonly offset: number;
  readonly spacing: number;
  readonly mass: Float64Array;
  /** Bounds what rounding did: to a mass, relatively, and to a point, of its logarithm. */
  readonly massError: number;
  readonly pointError: number;
}

/** Cells from e^offset on. */
interface Sums extends Cells {
  readonly offset: number;
}

/** The law of a + b, on a lattice of the spacing that both share. */
export function sumOf(a: GeometricLaw, b: GeometricLaw, settle: Settle): GeometricLaw {
  const sums = emptySums(a, b, a.spacing);
  // Every pair once: those at least as far apart as `least` by the first, the others by the second.
  const least = Math.ceil((b.offset - a.offset) / a.spacing);
  const terms =
    addPairs(sums, a, b, { least, most: a.mass.length - 1 }) +
    addPairs(sums, b, a, { least: 1 - least, most: b.mass.length - 1 });
  return settled(sums, a, b, terms, settle);
}

/** Points of which the larger of a pair is not below `low`, and the smaller not above `high`. */
export interface Rare {
  readonly low: number;
  readonly high: number;
}

/**
 * The law of the sum of two numbers of one law, without rare pairs. The law's spacing must be `spacing` times a whole number.
 */
export function twiceOf(law: GeometricLaw, spacing: number, settle: Settle, rare: Rare): GeometricLaw {
  const sums = emptySums(law, law, spacing);
  // What differs, twice, and what is equal.
  const double = { ...law, mass: law.mass.map((mass) => 2 * mass) };
  const terms =
    addPairs(sums, double, law, { least: 1, most: law.mass.length - 1, rare }) +
    addPairs(sums, law, law, { least: 0, most: 0, rare });
  return settled(sums, law, law, terms, settle);
}

function emptySums(a: GeometricLaw, b: GeometricLaw, spacing: number): Sums {
  const offset = Math.max(a.offset, b.offset) - spacing;
  const count = Math.ceil((logSum(topOf(a), topOf(b)) - offset) / spacing) + 3;
  return { offset, spacing, mass: new Float64Array(count), excess: new Float64Array(count) };
}

function settled(sums: Sums, a: GeometricLaw, b: GeometricLaw, terms: number, settle: Settle): GeometricLaw {
  const { offset, spacing } = sums;
  const rounding = (terms + 128) * UNIT;
  const exponents = 32 * UNIT * (Math.abs(offset) + Math.abs(topOf(sums)));
  return {
    offset,
    spacing,
    mass: settle(sums),
    massError: a.massError + b.massError + rounding,
    pointError: Math.max(a.pointError, b.pointError) + 4 * rounding + exponents + 4 * SETTLE_ROUNDING * spacing,
  };
}

function topOf({ offset, spacing, mass }: Sums | GeometricLaw): number {
  return offset + (mass.length - 1) * spacing;
}

function logSum(a: number, b: number): number {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/** Distances d1 … d2 in points, whose sums lie `shift` cells above the larger point. */
interface Stretch {
  readonly nearest: number;
  readonly farthest: number;
  readonly shift: number;
}

/** Which pairs (i, j), i the larger number's point. */
interface Pairs {
  /** Of i − j. */
  readonly least: number;
  readonly most: number;
  readonly rare?: Rare;
}

/** Adds them; says of how many terms a cell is at most. */
function addPairs(cells: Sums, large: GeometricLaw, small: GeometricLaw, pairs: Pairs): number {
  const stretches = stretchesOf(cells, large, small, pairs);
  const { low, high } = pairs.rare ?? { low: 0, high: small.mass.length };
  const longest = stretches.reduce((most, { nearest, farthest }) => Math.max(most, farthest - nearest + 1), 1);
  const blocks = new Blocks(small, longest);
  // e^(−loss) of the larger's points, over the same reference as the blocks' weights.
  const inverse = large.mass.map((_, i) => Math.exp(blocks.reference - large.offset - i * large.spacing));
  let added = 0;
  for (let size = 1; size <= longest; size *= 2) {
    if (size > 1) blocks.double();
    for (const stretch of stretches) {
      const length = stretch.farthest - stretch.nearest + 1;
      if (Math.floor(length / size) % 2 === 0) continue;
      // The stretch's larger blocks come first, from its far end.
      const farthest = stretch.farthest - (length - (length % (2 * size)));
      addBlock(cells, large, inverse, blocks, { farthest, shift: stretch.shift, low, high: high + stretch.farthest });
      added++;
    }
  }
  return added;
}

function stretchesOf(
  { offset, spacing }: Sums,
  large: GeometricLaw,
  { offset: smallOffset }: GeometricLaw,
  { least, most }: Pairs,
): Stretch[] {
  const apart = large.offset - smallOffset;
  const start = (large.offset - offset) / spacing;
  const found: Stretch[] = [];
  for (let nearest = least; nearest <= most; ) {
    const moved = Math.log1p(Math.exp(-(apart + nearest * large.spacing)));
    const shift = Math.floor(start + moved / spacing);
    const end = (shift - start) * spacing;
    // Farther ones are moved by less than the cell's lower end.
    const limit = end > 0 ? Math.floor((-Math.log(Math.expm1(end)) - apart) / large.spacing) : most;
    const farthest = Math.min(most, Math.max(nearest, limit));
    found.push({ nearest, farthest, shift });
    nearest = farthest + 1;
  }
  return found;
}

/** One block of the smaller number's points with every point of the larger one. */
function addBlock(
  cells: Sums,
  large: GeometricLaw,
  inverse: Float64Array,
  blocks: Blocks,
  { farthest, shift, low, high }: { farthest: number; shift: number; low: number; high: number },
): void {
  const { mass, excess } = cells;
  const { sums, weighted } = blocks;
  const weights = large.mass;
  const ratio = Math.round(large.spacing / cells.spacing);
  // The larger point over the cell's lower one.
  const lift = Math.exp(large.offset - cells.offset - shift * cells.spacing);
  const first = Math.max(low, farthest - blocks.size + 1);
  const last = Math.min(weights.length - 1, high, farthest + blocks.count - 1);
  let at = first - farthest + blocks.lead;
  let cell = first * ratio + shift;
  for (let i = first; i <= last; i++) {
    const weight = weights[i] as number;
    const sum = weight * (sums[at] as number);
    const part = weight * (inverse[i] as number) * (weighted[at] as number);
    mass[cell] = (mass[cell] as number) + sum;
    excess[cell] = (excess[cell] as number) + lift * (sum + part) - sum;
    at++;
    cell += ratio;
  }
}

/** Sums over `size` = 2^k points from j on, of masses and of masses × e^(loss − reference). */
class Blocks {
  size = 1;
  readonly sums: Float64Array;
  readonly weighted: Float64Array;
  readonly reference: number;
  /** Where j = 0 is: blocks may begin before it. */
  readonly lead: number;
  readonly count: number;

  constructor({ offset, spacing, mass }: GeometricLaw, longest: number) {
    this.count = mass.length;
    this.lead = longest;
    this.reference = offset + (mass.length - 1) * spacing;
    this.sums = new Float64Array(mass.length + 2 * longest);
    this.weighted = new Float64Array(this.sums.length);
    for (let j = 0; j < mass.length; j++) {
      this.sums[longest + j] = mass[j] as number;
      this.weighted[longest + j] = (mass[j] as number) * Math.exp((j - mass.length + 1) * spacing);
    }
  }

  double(): void {
    const { sums, weighted, size } = this;
    for (let j = 0; j + size < sums.length; j++) {
      sums[j] = (sums[j] as number) + (sums[j + size] as number);
      weighted[j] = (weighted[j] as number) + (weighted[j + size] as number);
    }
    this.size = 2 * size;
  }
}
