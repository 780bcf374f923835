/** The recurrences that make x = C⁻¹z (native/privatize/correlated_noise.h), and the C that belongs to each. */
import type { NoiseRecurrence } from "../native/binding.js";

/**
 * C's first column over `steps` rows, as far as it is not 0: what z gives x = (1, 0, 0, …), by the recurrence solved for z.
 */
export function firstColumn({ stores, gain, weights, decays }: NoiseRecurrence, steps: number): Float64Array {
  const banded = stores === "output" && decays.length === 0;
  const column = new Float64Array(banded ? Math.min(weights.length + 1, steps) : steps);
  const memory = new Float64Array(weights.length);
  for (let t = 0; t < column.length; t++) {
    const x = t === 0 ? 1 : 0;
    let sum = 0;
    const reach = decays.length > 0 ? weights.length : Math.min(weights.length, t);
    for (let i = 0; i < reach; i++) {
      const remembered = decays.length > 0 ? memory[i] : stores === "input" ? column[t - 1 - i] : Number(i === t - 1);
      sum += (weights[i] as number) * (remembered as number);
    }
    column[t] = (x - sum) / gain;
    for (let i = 0; i < decays.length; i++) memory[i] = (decays[i] as number) * (memory[i] as number) + x;
  }
  return column;
}

/** Of C/norm: (C/norm)⁻¹ = norm·C⁻¹. Stored outputs grow with it, stored inputs do not. */
export function scaled(recurrence: NoiseRecurrence, norm: number): NoiseRecurrence {
  const gain = recurrence.gain * norm;
  if (recurrence.stores === "output") return { ...recurrence, gain };
  return { ...recurrence, gain, weights: recurrence.weights.map((weight) => weight * norm) };
}

/** With numbers as the engine holds them, so that C is what is computed with. */
export function singlePrecision({ stores, gain, weights, decays }: NoiseRecurrence): NoiseRecurrence {
  return {
    stores,
    gain: Math.fround(gain),
    weights: weights.map((weight) => Math.fround(weight)),
    decays: decays.map((decay) => Math.fround(decay)),
  };
}
