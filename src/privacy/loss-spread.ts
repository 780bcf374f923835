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
  readonly mass: number;
}

/** Of sin x/x from its first minimum on, in absolute value. */
const SIDE_LOBE = 0.21724;

/** Layers are this far apart in density, at least. */
const STEP = 1.25;

export class LossSpread {
  private readonly layers: readonly Layer[];

  /** `stretches`: adjoining, from the smallest losses up. */
  constructor(stretches: readonly DensityStretch[]) {
    this.layers = layersUnder(stretches);
  }

  /** |E[e^(i·v·loss)]| ≤ e^(−decay) for all v ≥ `frequency`. */
  decay(frequency: number): number {
    let sum = 0;
    for (const { length, mass } of this.layers) sum += mass * (1 - largestSinc((frequency * length) / 2));
    return sum * (1 - 2 ** -30);
  }
}

/** The most of |sin y/y| over y ≥ x. */
function largestSinc(x: number): number {
  if (x >= Math.PI) return Math.min(SIDE_LOBE, 1 / x);
  // The series where sin x/x is lost in 1.
  const own = x < 1e-4 ? 1 - (x * x) / 6 + x ** 4 / 120 : Math.sin(x) / x;
  return Math.max(SIDE_LOBE, own);
}

/** From the densest stretch on, the denser neighbour first: what is left of it is one stack of intervals. */
function layersUnder(stretches: readonly DensityStretch[]): Layer[] {
  const densityAt = (index: number) => stretches[index]?.density ?? 0;
  let first = stretches.reduce((best, { density }, index) => (density > densityAt(best) ? index : best), 0);
  let last = first;
  let density = densityAt(first);
  let length = stretches[first]?.length ?? 0;
  const layers: Layer[] = [];
  while (density > 0) {
    const [before, after] = [densityAt(first - 1), densityAt(last + 1)];
    const next = Math.min(density, Math.max(before, after));
    // All of what is as dense as this is one interval; a little less is counted with the next layer.
    if (next * STEP < density || next === 0) {
      layers.push({ length, mass: (density - next) * length });
      density = next;
    }
    if (next === 0) break;
    if (before >= after) first -= 1;
    else last += 1;
    length += (before >= after ? stretches[first] : stretches[last])?.length ?? 0;
  }
  return layers;
}
