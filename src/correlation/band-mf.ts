/**
 * Banded matrix factorisation (Choquette-Choo et al. 2023, arXiv:2306.08153), C Toeplitz (McKenna 2024, arXiv:2405.15913): the b
 * coefficients that make sensitivity² × mean variance least are found by L-BFGS, from the square root of the workload cut
 * off after b coefficients (Kalinin & Lampert 2024).
 *
 * Cx = z read row by row: x_t = z_t − Σ_{0<i<b} cᵢ·x_{t−i} where c₀ = 1, which needs the last b − 1 values of x.
 */
import { z } from "zod";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { type CorrelationSetting, defineCorrelation } from "./define.js";
import { meanVariance } from "./loss.js";
import { minimize, type Valued } from "./minimize.js";
import { sumOfSquares } from "./series.js";
import { workloadPower } from "./workload.js";

/** More are never worth their memory. */
export const MOST_BANDS = 1024;

export const bandMfCorrelation = defineCorrelation({
  type: "bandMF",
  title: "banded matrix factorisation (Choquette-Choo et al. 2023)",
  schema: configObject({ type: z.literal("bandMF"), bands: whole(1, MOST_BANDS) }),
  create: ({ bands }, setting) => {
    const column = bestColumn(Math.min(bands, setting.steps), setting);
    return { stores: "output", gain: 1, weights: Array.from(column.subarray(1), (c) => -c), decays: [] };
  },
});

/** Horizon times bands: what the variance has beyond is taken to go on as it ended. */
const MOST_WORK = 2 ** 20;

/** Its first coefficient is 1. */
function bestColumn(bands: number, { steps, workload, participation }: CorrelationSetting): Float64Array {
  const root = workloadPower(workload, 0.5, bands);
  if (bands === 1) return root;
  const horizon = Math.min(steps, Math.max(4 * bands, Math.floor(MOST_WORK / bands)));
  const whole = workloadPower(workload, 1, horizon);
  const separation = participation.pattern === "once-a-cycle" ? bands : participation.steps;
  // c₀ stays 1: sensitivity and variance scale against each other.
  const columnOf = (free: Float64Array): Float64Array => Float64Array.of(1, ...free);
  const loss = (free: Float64Array): Valued => {
    const column = columnOf(free);
    const error = meanVariance(column, whole, steps);
    const reach = squaredReach(column, horizon, separation);
    const gradient = free.map(
      (_, i) => (error.gradient[i + 1] as number) * reach.value + error.value * (reach.gradient[i + 1] as number),
    );
    return { value: error.value * reach.value, gradient };
  };
  return columnOf(minimize(loss, root.subarray(1), { evaluations: 60, progress: 1e-9 }));
}

/** ‖Σ_j c shifted by j·separation‖² over `steps` rows, a participation as often as may be, and its derivatives. */
function squaredReach(column: Float64Array, steps: number, separation: number): Valued {
  if (separation >= column.length) return { value: sumOfSquares(column), gradient: column.map((c) => 2 * c) };
  const rows = new Float64Array(steps);
  for (let row = 0; row < steps; row++) rows[row] = (column[row] ?? 0) + (rows[row - separation] ?? 0);
  const below = rows.slice(); // of each row, and those that lie whole separations after it, the sum
  for (let row = steps - 1 - separation; row >= 0; row--)
    below[row] = (below[row] as number) + (below[row + separation] as number);
  const gradient = column.map((_, i) => 2 * (below[i] ?? 0));
  return { value: sumOfSquares(rows), gradient };
}
