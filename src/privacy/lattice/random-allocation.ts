/**
 * The privacy loss of a cycle of t steps in one of which, at random, an example is (random allocation; balls-in-bins).
 *
 * **The pair.** Of two neighbours the one without the example is Q; X = P/Q is the mean of t ratios Y_i, of the step that
 * the example may have been in. However its gradients in the steps depend on what was seen before, E_Q[φ(X)] for convex φ is
 * at most that of Y_i = e^(z_i/σ − 1/2σ²), z_i independent standard normals (docs/decisions/random-allocation.md has the
 * proof; Chua et al. 2024, arXiv:2412.16802; Feldman & Shenfeld 2025, arXiv:2502.08202).
 *
 * **Its law.** Sums of 2, 4, … t of the Y_i on geometric lattices (lattice-sum.ts). δ(ε) is convex in each Y_i while
 * the others stand, so each sum may be put on points as loss-lattice.ts does with one step's X, from above and from below.
 * What a coarse lattice does to the sum of k of them weighs k/t in the end: lattices grow finer with the sums.
 */
import { type Settle, settleAbove, settleBelow } from "./lattice-settle.js";
import { type GeometricLaw, type Rare, sumOf, twiceOf } from "./lattice-sum.js";
import { lossAbove, lossBelow } from "./loss-lattice.js";

export type Side = "above" | "below";

export const settles: Readonly<Record<Side, Settle>> = { above: settleAbove, below: settleBelow };

/** How many times coarser the lattice of a sum is that must be doubled so often: a power of two. */
export function coarsening(doublings: number): number {
  return 2 ** Math.min(3, Math.floor(doublings / 4));
}

/** The exponent of the largest power of two up to `bins` < 2³¹. */
export function doublingsOf(bins: number): number {
  return 31 - Math.clz32(bins);
}

/**
 * The law of a cycle of `bins` ≥ 2 steps, log X on a lattice of `spacing`. `missing`: bounds what is left out, from above
 * P's mass of losses too large and Q's of losses too small, each.
 */
export function cycleLaw(
  bins: number,
  noiseMultiplier: number,
  side: Side,
  spacing: number,
  missing: number,
): GeometricLaw {
  const doublings = doublingsOf(bins);
  const spacingAt = (left: number) => spacing * coarsening(left);
  const settle = settles[side];
  // Of P and of Q: a quarter is for single ratios, one for the ends of sums, one for pairs; of these each sum has its share.
  const budget = missing / (4 * (2 * doublings + 1));
  const trim = (law: GeometricLaw, size: number) => trimmed(law, { size, bins, budget, side });
  let power = ratioLaw(noiseMultiplier, side, spacingAt(doublings), missing / (4 * bins));
  let rest: GeometricLaw | undefined;
  // By the binary digits of `bins`, from the last one on.
  for (let digit = 0, size = 1, before = 0; ; digit++, size *= 2) {
    if (Math.floor(bins / size) % 2 === 1) {
      before += size;
      rest = rest ? trim(sumOf(stuffed(rest, power.spacing), power, settle), before) : power;
    }
    if (digit === doublings) break;
    const rare = rarePairs(power, size, bins, budget);
    power = trim(twiceOf(power, spacingAt(doublings - digit - 1), settle, rare), 2 * size);
  }
  const law = rest as GeometricLaw;
  return { ...law, offset: law.offset - Math.log(bins) };
}

/**
 * Below and above which points two sums of `size` so rarely are both that such pairs may be left out: above they cost P
 * E[S/size; S > high]·Q[S > high] of the one that it raises and Q[S > high]² of the others, below less than they cost Q.
 */
function rarePairs({ offset, spacing, mass }: GeometricLaw, size: number, bins: number, budget: number): Rare {
  const sums = bins / size;
  let low = 0;
  for (let below = 0; low < mass.length - 1; low++) {
    below += mass[low] as number;
    if (below * below * sums > budget) break;
  }
  let high = mass.length - 1;
  for (let above = 0, raised = 0; high > low; high--) {
    const weight = mass[high] as number;
    above += weight;
    raised += weight * (Math.exp(offset + high * spacing) / size);
    if (raised * above + above * above * sums > budget) break;
  }
  return { low, high };
}

/** Y of one step; of t of them, P and Q lose at most t times `missing`. */
function ratioLaw(noiseMultiplier: number, side: Side, spacing: number, missing: number): GeometricLaw {
  const make = side === "above" ? lossAbove : lossBelow;
  const { offset, logMass, lossRounding, massRounding } = make({ samplingRate: 1, noiseMultiplier }, spacing, missing);
  return {
    offset,
    spacing,
    mass: logMass.map(Math.exp),
    massError: 2 * massRounding,
    pointError: lossRounding,
  };
}

/** The same on a lattice that has its points and others. */
function stuffed(law: GeometricLaw, spacing: number): GeometricLaw {
  const ratio = Math.round(law.spacing / spacing);
  const mass = new Float64Array((law.mass.length - 1) * ratio + 1);
  law.mass.forEach((value, k) => {
    mass[k * ratio] = value;
  });
  return { ...law, spacing, mass };
}

/**
 * Without the ends of a sum of `size` of all `bins` that hold next to nothing. A cycle has bins/size such sums at most, of
 * which P raises one: a cut above costs P at most E[S/size; S > cut] + (bins/size)·Q[S > cut], one below costs Q
 * (bins/size)·Q[S < cut]. From above what is cut goes to the ends that are left, the safe way for the direction that does
 * not lose it; from below it is left out.
 */
function trimmed(
  law: GeometricLaw,
  { size, bins, budget, side }: { size: number; bins: number; budget: number; side: Side },
): GeometricLaw {
  const { offset, spacing, mass } = law;
  const sums = bins / size;
  let first = 0;
  let low = 0;
  for (; first < mass.length - 1; first++) {
    const more = low + (mass[first] as number);
    if (more * sums > budget) break;
    low = more;
  }
  let last = mass.length - 1;
  let lost = 0;
  let high = 0;
  for (; last > first + 1; last--) {
    const weight = mass[last] as number;
    lost += weight * (Math.exp(offset + last * spacing) / size + sums);
    if (lost > budget) break;
    high += weight;
  }
  const kept = mass.slice(first, last + 1);
  if (side === "above") {
    kept[0] = (kept[0] as number) + low;
    kept[kept.length - 1] = (kept[kept.length - 1] as number) + high;
  }
  return { ...law, offset: offset + first * spacing, mass: kept };
}
