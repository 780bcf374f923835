/**
 * Mass between the points of a geometric lattice, put on the points: from above, by a spread that keeps its mean, and from
 * below, by means of parts of it. Expectations of convex functions do not fall by the first and do not grow by the second
 * (Jensen).
 */
/** Mass between points k and k + 1, not yet on either. */
export interface Cells {
  readonly spacing: number;
  readonly mass: Float64Array;
  /** Σ of mass × how far it lies above point k, relatively: (x − x_k)/x_k. */
  readonly excess: Float64Array;
}

/** Puts the mass of cells on points: one for each cell, of the same indices. */
export type Settle = (cells: Cells) => Float64Array;

/** To the two points of its cell, at random, its mean kept. The last cell must be empty. */
export function settleAbove({ spacing, mass, excess }: Cells): Float64Array {
  const settled = new Float64Array(mass.length);
  const width = Math.expm1(spacing);
  for (let k = 0; k < mass.length; k++) {
    const whole = mass[k] as number;
    if (whole === 0) continue;
    const up = Math.min(whole, Math.max(0, (excess[k] as number) / width));
    settled[k] = (settled[k] as number) + whole - up;
    if (k + 1 < mass.length) settled[k + 1] = up;
  }
  return settled;
}

/**
 * Each cell becomes its mean, which lies between its points; then parts of neighbouring means become their common mean, a
 * point. What finds no partner is left out, and counts for nothing.
 */
export function settleBelow({ spacing, mass, excess }: Cells): Float64Array {
  const pairs = new Pairing(spacing, mass, excess);
  // Rising up to the densest cell, falling down to it: so parts stay even.
  const densest = indexOfLargest(mass);
  for (let point = 1; point <= densest; point++) pairs.riseTo(point);
  for (let point = mass.length - 1; point >= densest; point--) pairs.fallTo(point, densest);
  return pairs.settled;
}

/** No more of a cell goes to one point: what is left joins the next, and points do not get all and nothing in turn. */
const MOST_SHARE = 0.6;

/** Of a cell: more than a point can be off by it. */
export const SETTLE_ROUNDING = 2 ** -40;

class Pairing {
  readonly settled: Float64Array;
  /** Of each cell, what has no point yet, and how far its mean lies above point k, relatively. */
  private readonly rest: Float64Array;
  private readonly above: Float64Array;

  constructor(
    private readonly spacing: number,
    mass: Float64Array,
    excess: Float64Array,
  ) {
    // Short of the next point, so that it lies below that in float64 too.
    const width = Math.expm1(spacing) * (1 - SETTLE_ROUNDING);
    this.above = mass.map((whole, k) => (whole > 0 ? Math.min(width, Math.max(0, (excess[k] as number) / whole)) : 0));
    // What lies on a point already stays there.
    this.settled = mass.map((whole, k) => ((this.above[k] as number) > 0 ? 0 : whole));
    this.rest = mass.map((whole, k) => ((this.above[k] as number) > 0 ? whole : 0));
  }

  /** What is left below the point, with parts of the cells above it. */
  riseTo(point: number): void {
    const below = this.take(point - 1);
    let moment = -this.distance(point - 1, point) * below;
    let joined = below;
    for (let k = point; moment > 0; k++) {
      if (k >= this.rest.length) return;
      const part = this.part(k, moment / this.distance(k, point));
      joined += part;
      moment = remaining(moment, part * this.distance(k, point));
    }
    this.add(point, joined);
  }

  /** What is left above the point, with parts of the cells below it down to `lowest`, and of points below. */
  fallTo(point: number, lowest: number): void {
    const over = this.take(point);
    let moment = (this.above[point] as number) * over;
    let joined = over;
    for (let k = point - 1; k >= lowest && moment > 0; k--) {
      const part = this.part(k, moment / -this.distance(k, point));
      joined += part;
      moment = remaining(moment, part * -this.distance(k, point));
    }
    for (let k = Math.min(point, lowest) - 1; k >= 0 && moment > 0; k--) {
      const reach = -Math.expm1((k - point) * this.spacing);
      const part = Math.min(this.settled[k] as number, moment / reach);
      this.add(k, -part);
      joined += part;
      moment = remaining(moment, part * reach);
    }
    if (moment === 0) this.add(point, joined);
  }

  /** How far the mean of cell k lies above a point, relatively. */
  private distance(k: number, point: number): number {
    const part = this.above[k] as number;
    return k === point ? part : Math.expm1((k - point) * this.spacing + Math.log1p(part));
  }

  private take(k: number): number {
    const whole = this.rest[k] as number;
    this.rest[k] = 0;
    return whole;
  }

  private part(k: number, wanted: number): number {
    const whole = this.rest[k] as number;
    const part = Math.min(wanted, MOST_SHARE * whole);
    this.rest[k] = whole - part;
    return part;
  }

  private add(k: number, part: number): void {
    this.settled[k] = (this.settled[k] as number) + part;
  }
}

/** Nothing where rounding alone is left. */
function remaining(moment: number, less: number): number {
  return moment - less > moment * 2 ** -40 ? moment - less : 0;
}

export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if ((values[k] as number) > (values[best] as number)) best = k;
  return best;
}
