/**
 * How quickly the characteristic function of a loss falls: a bound for all frequencies above one, from a lower bound on the
 * loss's density. A density at least κ on an interval of length ℓ holds a uniform one of mass κℓ, whose characteristic function
 * is |sin x/x|, x = frequency·ℓ/2. A density under which intervals are stacked holds as many.
 */

/** Where the density is at least so much. */
export interface DensityStretch {
  /** Of the loss. */
  readonly length: number;
  readonly density: number;
}

interface Layer {
  readonly length: number;
  mass: number;
}

/** Of sin x/x from its first minimum on, in absolute value. */
const SIDE_LOBE = 0.21724;

/** Layers whose lengths are within this factor count as one of the shortest length, which spreads less. */
const ALIKE = 1.1;

export class LossSpread {
  private readonly layers: readonly Layer[];

  /** `stretches`: adjoining, from the smallest losses up. */
  constructor(stretches: readonly DensityStretch[]) {
    this.layers = layersUnder(stretches);
  }

  /** |E[e^(i·v·loss)]| ≤ e^(−decay) for all v ≥ `frequency`. */
  decay(frequency: number): number {
    let sum = 0;
    for (const { length, mass } of this.layers) sum += mass * belowOne((frequency * length) / 2);
    return sum * (1 - 2 ** -30);
  }
}

/** 1 less the most of |sin y/y| over y ≥ x; no more than that. */
function belowOne(x: number): number {
  if (x >= Math.PI) return 1 - Math.min(SIDE_LOBE, 1 / x);
  // The series alternates, and 1 − sin x/x would be rounded in absolute terms.
  const own = x < 0.5 ? (x * x) / 6 - x ** 4 / 120 : 1 - Math.sin(x) / x;
  return Math.min(1 - SIDE_LOBE, own);
}

/** From the densest stretch on, the denser neighbour first: what is left of it is one stack of intervals. */
function layersUnder(stretches: readonly DensityStretch[]): Layer[] {
  const densityAt = (index: number) => stretches[index]?.density ?? 0;
  const lengthAt = (index: number) => stretches[index]?.length ?? 0;
  let first = stretches.reduce((best, { density }, index) => (density > densityAt(best) ? index : best), 0);
  let last = first;
  let density = densityAt(first);
  let length = lengthAt(first);
  const layers: Layer[] = [];
  while (density > 0) {
    const [before, after] = [densityAt(first - 1), densityAt(last + 1)];
    const next = Math.min(density, Math.max(before, after));
    // All that is as dense as `density` is one interval, of `length`.
    addLayer(layers, length, (density - next) * length);
    density = next;
    length += before >= after ? lengthAt(--first) : lengthAt(++last);
  }
  return layers;
}

/** Lengths do not fall. */
function addLayer(layers: Layer[], length: number, mass: number): void {
  const before = layers.at(-1);
  if (before && length <= before.length * ALIKE) before.mass += mass;
  else layers.push({ length, mass });
}
