/**
 * Weighted means of e^(iux) − 1 at evenly spaced u: from one to the next by rotations, which are ten times as quick as sines, and so
 * that nothing cancels where ux is small.
 */

/** Anew after so many rotations. */
const TURNS = 8;
/** Summands that are added up by themselves, for the sake of rounding. */
const TOGETHER = 16;

/** Of u times the weighted mean of |x|: what a mean of `count` values is off by at most, in units of 2⁻⁵³. */
export function meansRounding(count: number): number {
  return 8 * TURNS + TOGETHER + count / TOGETHER;
}

/** Real and imaginary parts at u = 0, spacing, 2·spacing …, as many as the arrays are long. The weights' sum is 1. */
export function fillMeans(
  weights: Float64Array,
  values: Float64Array,
  spacing: number,
  re: Float64Array,
  im: Float64Array,
): void {
  const turning = new Turning(values, spacing);
  for (let j = 0; j < re.length; j++) {
    if (j % TURNS === 0) turning.begin(j);
    turning.sum(weights);
    re[j] = turning.re;
    im[j] = turning.im;
    turning.next();
  }
}

/** e^(i·j·spacing·x) − 1 of all x, from one j to the next. */
class Turning {
  re = 0;
  im = 0;
  private readonly cosine: Float64Array;
  private readonly sine: Float64Array;
  private readonly stepCosine: Float64Array;
  private readonly stepSine: Float64Array;

  constructor(
    private readonly values: Float64Array,
    private readonly spacing: number,
  ) {
    this.stepCosine = values.map((value) => cosineLess1(value * spacing));
    this.stepSine = values.map((value) => Math.sin(value * spacing));
    this.cosine = new Float64Array(values.length);
    this.sine = new Float64Array(values.length);
  }

  begin(j: number): void {
    for (const [k, value] of this.values.entries()) {
      const angle = value * this.spacing * j;
      this.cosine[k] = cosineLess1(angle);
      this.sine[k] = Math.sin(angle);
    }
  }

  next(): void {
    const { cosine, sine, stepCosine, stepSine } = this;
    for (let k = 0; k < cosine.length; k++) {
      const [c, s] = [cosine[k] as number, sine[k] as number];
      const [dc, ds] = [stepCosine[k] as number, stepSine[k] as number];
      cosine[k] = c + (dc + (c * dc - s * ds));
      sine[k] = s + (ds + (s * dc + c * ds));
    }
  }

  /** Fills `re` and `im`: the weighted sum. */
  sum(weights: Float64Array): void {
    this.re = 0;
    this.im = 0;
    for (let from = 0; from < weights.length; from += TOGETHER) {
      const to = Math.min(weights.length, from + TOGETHER);
      let re = 0;
      let im = 0;
      for (let k = from; k < to; k++) {
        re += (weights[k] as number) * (this.cosine[k] as number);
        im += (weights[k] as number) * (this.sine[k] as number);
      }
      this.re += re;
      this.im += im;
    }
  }
}

function cosineLess1(angle: number): number {
  const half = Math.sin(angle / 2);
  return -2 * half * half;
}
