/** L-BFGS (Nocedal & Wright 2006, algorithm 7.5) with a backtracking line search: for smooth functions of some dozen numbers. */

export interface Valued {
  readonly value: number;
  readonly gradient: Float64Array;
}

const MEMORY = 12;

export interface Patience {
  /** Values of the function that may be asked for. */
  readonly evaluations: number;
  /** Relative progress below which the search ends. */
  readonly progress: number;
}

/** A point near a local minimum, starting at `start`. A value that is not finite counts as too large. */
export function minimize(
  f: (at: Float64Array) => Valued,
  start: Float64Array,
  { evaluations, progress }: Patience,
): Float64Array {
  let left = evaluations;
  const counted = (point: Float64Array): Valued => {
    left--;
    return f(point);
  };
  let at = start;
  let now = counted(at);
  const moves: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[] = [];
  while (left > 0) {
    const direction = descent(now.gradient, moves);
    const next = search(counted, at, now, direction, moves.length === 0);
    if (!next) return at;
    const s = next.at.map((x, i) => x - (at[i] as number));
    const y = next.gradient.map((g, i) => g - (now.gradient[i] as number));
    const curvature = dot(s, y);
    if (curvature > 0) moves.push({ s, y, rho: 1 / curvature });
    if (moves.length > MEMORY) moves.shift();
    const gained = now.value - next.value;
    at = next.at;
    now = next;
    if (gained <= progress * Math.abs(now.value)) return at;
  }
  return at;
}

/** −H·gradient, H the inverse Hessian as the last moves tell it. */
function descent(
  gradient: Float64Array,
  moves: readonly { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[],
): Float64Array {
  const q = gradient.map((g) => -g);
  const shares: number[] = [];
  for (const { s, y, rho } of [...moves].reverse()) {
    const share = rho * dot(s, q);
    shares.push(share);
    add(q, y, -share);
  }
  const last = moves.at(-1);
  if (last) add(q, q.slice(), dot(last.s, last.y) / dot(last.y, last.y) - 1);
  for (const { s, y, rho } of moves) add(q, s, (shares.pop() as number) - rho * dot(y, q));
  return q;
}

/** Halves the step until the value falls by a part of what the slope promises; undefined where it never does. */
function search(
  f: (at: Float64Array) => Valued,
  at: Float64Array,
  { value, gradient }: Valued,
  direction: Float64Array,
  first: boolean,
): (Valued & { readonly at: Float64Array }) | undefined {
  const slope = dot(gradient, direction);
  if (!(slope < 0)) return undefined;
  let step = first ? Math.min(1, 0.1 / Math.sqrt(dot(direction, direction))) : 1;
  for (let tries = 0; tries < 40; tries++, step /= 2) {
    const there = at.map((x, i) => x + step * (direction[i] as number));
    const found = f(there);
    if (Number.isFinite(found.value) && found.value <= value + 1e-4 * step * slope) return { ...found, at: there };
  }
  return undefined;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
}

function add(to: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + factor * (values[i] as number);
}
