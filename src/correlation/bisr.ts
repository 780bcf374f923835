/**
 * Banded inverse square root (Kalinin, McKenna, Upadhyay & Lampert 2025, arXiv:2505.12128): C⁻¹ is the inverse square root of the
 * workload, cut off after `bands` coefficients. In closed form: those of √((1 − αx)(1 − βx)).
 *
 * x_t = Σ_{i<p} wᵢ·z_{t−i}, which needs the last p − 1 values of z.
 */
import { z } from "zod";
import { configObject } from "../training/config-errors.js";
import { whole } from "../training/config-values.js";
import { MOST_BANDS } from "./band-mf.js";
import { defineCorrelation } from "./define.js";
import { workloadPower } from "./workload.js";

export const bisrCorrelation = defineCorrelation({
  type: "bisr",
  title: "banded inverse square root (Kalinin et al. 2025)",
  schema: configObject({ type: z.literal("bisr"), bands: whole(1, MOST_BANDS) }),
  create: ({ bands }, { steps, workload }) => {
    const inverse = workloadPower(workload, -0.5, Math.min(bands, steps));
    return { stores: "input", gain: 1, weights: Array.from(inverse.subarray(1)), decays: [] };
  },
});
