/**
 * Buffered linear Toeplitz (Dvijotham et al. 2024, arXiv:2404.16706; McMahan et al. 2024, arXiv:2408.08868): c₀ = 1,
 * c_t = Σᵢ ωᵢ·θᵢ^(t−1), with a few buffers as good as the square root of the workload. θ and ω are found by L-BFGS; they start
 * from decays in geometric progression, whose sum follows t^(−½).
 *
 * x_t = z_t − Σᵢ ωᵢ·Bᵢ, then Bᵢ ← θᵢ·Bᵢ + x_t: one buffer a decay, over any number of steps.
 */
import { z } from "zod";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { type CorrelationSetting, defineCorrelation } from "./define.js";
import { minimize } from "./minimize.js";
import { sensitivityOf } from "./participation.js";
import { workloadPower } from "./workload.js";

interface Blt {
  readonly decays: readonly number[];
  readonly weights: readonly number[];
}

export const bltCorrelation = defineCorrelation({
  type: "blt",
  title: "buffered linear Toeplitz (Dvijotham et al. 2024)",
  schema: configObject({ type: z.literal("blt"), buffers: whole(1, 8) }),
  create: ({ buffers }, setting) => {
    const { decays, weights } = best(buffers, setting);
    return { stores: "output", gain: 1, weights: weights.map((weight) => -weight), decays: [...decays] };
  },
});

function columnOf({ decays, weights }: Blt, steps: number): Float64Array {
  const column = new Float64Array(steps);
  const terms = [...weights];
  column[0] = 1;
  for (let t = 1; t < steps; t++) {
    let sum = 0;
    for (let i = 0; i < terms.length; i++) {
      sum += terms[i] as number;
      terms[i] = (terms[i] as number) * (decays[i] as number);
    }
    column[t] = sum;
  }
  return column;
}

/** For derivatives by differences. */
const DIFFERENCE = 1e-6;
/** The horizon of the first search, what each next one goes further, and the last one's. */
const SHORT = 4096;
const FURTHER = 8;
const FAR = 2 ** 17;

/** Searches over ever longer horizons: a short one finds the decays' order quickly, the long ones their places. */
function best(buffers: number, setting: CorrelationSetting): Blt {
  const last = Math.min(setting.steps, FAR);
  let steps = Math.min(last, SHORT);
  let at = minimize(lossOver(steps, setting), startingPoint(buffers, steps), { evaluations: 250, progress: 1e-7 });
  while (steps < last) {
    const longer = Math.min(last, FURTHER * steps);
    at = minimize(lossOver(longer, setting), stretched(at, longer / steps), { evaluations: 25, progress: 1e-4 });
    steps = longer;
  }
  return bltOf(at);
}

function lossOver(steps: number, setting: CorrelationSetting) {
  const workload = workloadPower(setting.workload, 1, steps);
  const loss = (at: Float64Array): number => {
    const blt = bltOf(at);
    const reach = sensitivityOf(columnOf(blt, steps), steps, setting.participation);
    return meanVarianceOf(blt, workload) * reach * reach;
  };
  return (at: Float64Array) => {
    const gradient = at.map((x, i) => {
      const there = at.slice();
      there[i] = x + DIFFERENCE;
      const more = loss(there);
      there[i] = x - DIFFERENCE;
      return (more - loss(there)) / (2 * DIFFERENCE);
    });
    return { value: loss(at), gradient };
  };
}

/** As `meanVariance` of its column, by its buffers: n·d operations instead of n². */
function meanVarianceOf({ decays, weights }: Blt, workload: Float64Array): number {
  const count = decays.length;
  const buffers = new Float64Array(count);
  const steps = workload.length;
  let sum = 0;
  for (let t = 0; t < steps; t++) {
    let value = workload[t] as number;
    for (let i = 0; i < count; i++) value -= (weights[i] as number) * (buffers[i] as number);
    for (let i = 0; i < count; i++) buffers[i] = (decays[i] as number) * (buffers[i] as number) + value;
    sum += (steps - t) * value * value;
  }
  return sum / steps;
}

/** The longest time constants grow by `factor`, the others by their share of it. */
function stretched(at: Float64Array, factor: number): Float64Array {
  const buffers = at.length / 2;
  const byTime = Array.from({ length: buffers }, (_, i) => i).sort((a, b) => (at[a] as number) - (at[b] as number));
  const result = at.slice();
  byTime.forEach((i, rank) => {
    const growth = (Math.log(factor) * (rank + 1)) / buffers;
    result[i] = (at[i] as number) + growth;
    result[buffers + i] = (at[buffers + i] as number) - growth / 2;
  });
  return result;
}

/** Any numbers give decays in (0, 1) and weights > 0 whose sum is at most 1, so that c does not rise and C⁻¹ is stable. */
function bltOf(at: Float64Array): Blt {
  const buffers = at.length / 2;
  const free = Array.from(at.subarray(buffers), Math.exp);
  const sum = free.reduce((total, weight) => total + weight, 0);
  return {
    decays: Array.from(at.subarray(0, buffers), (x) => 1 / (1 + Math.exp(-x))),
    weights: free.map((weight) => weight / (1 + sum)),
  };
}

/** Time constants 1 … n in geometric progression, weights as t^(−½) has them there, half of c₀ together. */
function startingPoint(buffers: number, steps: number): Float64Array {
  const ratio = Math.max(2, steps) ** (1 / buffers);
  const times = Array.from({ length: buffers }, (_, i) => ratio ** (i + 0.5));
  const weights = times.map((time) => 1 / Math.sqrt(time));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float64Array.of(...times.map((time) => Math.log(time)), ...weights.map((weight) => Math.log(weight / sum)));
}
