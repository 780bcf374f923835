/**
 * The privacy loss of a step whose pair (P, Q) is its own mirror image, from the half of it that lies above 0: what is Q's at
 * a loss above 0 is P's at its negative. Two steps are such.
 *
 * **An example of a Poisson sample that becomes its opposite** (loss-curve.ts).
 *
 * **A sample of fixed size.** With γ = b/N, P₁ and Q₁ the Gaussians that no two neighbours' outputs on all examples exceed (2S
 * apart: one example is replaced), E_α(P‖Q) = ∫(P − αQ)₊ of the sampled step is at most E_α(γP₁ + (1 − γ)Q₁‖Q₁) for
 * α ≥ 1, and for α < 1 at most E_α of the same two in the other order, 1 − α added as symmetry asks (Zhu, Dong, Wang 2022,
 * arXiv:2106.08567, theorem 11). Together these are the E_α of one pair: its losses above 0 are those of the mixture, its
 * losses below 0 their mirror image, the rest, (1 − γ)·(1 − 2Φ(−z₀)) where the loss is 0 at z₀, lies at 0. Composing either
 * order alone is not safe (Lebeda, Regehr, Kamath, Steinke 2024, arXiv:2405.20769).
 */

/** A half of lattice masses of Q. */
export interface Half {
  /** At losses (k + 1)·spacing. */
  readonly above: Float64Array;
  /** At loss 0: of both halves together, and of what lies there by itself. */
  readonly centre: number;
  /** P's mass above the half, which is Q's below its mirror image. */
  readonly beyond: number;
}

/** Both halves about their centre, which is index `atom`. */
export function mirrored(
  { above, centre, beyond }: Half,
  spacing: number,
): { readonly offset: number; readonly logMass: Float64Array; readonly atom: number } {
  const atom = above.length;
  const logMass = new Float64Array(2 * atom + 1);
  for (let k = 1; k <= atom; k++) {
    const log = Math.log(above[k - 1] as number);
    logMass[atom + k] = log;
    // What is Q's above is P's below.
    logMass[atom - k] = log + k * spacing;
  }
  logMass[0] = Math.log(Math.exp(logMass[0] as number) + beyond);
  logMass[atom] = Math.log(centre);
  return { offset: -atom * spacing, logMass, atom };
}
