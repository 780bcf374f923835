/** What a way of correlating noise is: a lower triangular Toeplitz C, and how x = C⁻¹z is made step by step. */
import type { z } from "zod";
import type { NoiseRecurrence } from "../native/binding.js";
import type { Participation } from "./participation.js";
import type { Workload } from "./workload.js";

/** What a C is made for. Public, all of it. */
export interface CorrelationSetting {
  /** T. */
  readonly steps: number;
  readonly participation: Participation;
  readonly workload: Workload;
}

export interface CorrelationType<S extends z.ZodType = z.ZodType> {
  readonly type: string;
  readonly schema: S;
  /** In reports: the method and its paper. */
  readonly title: string;
  /** What makes C⁻¹z, C to any scale. */
  create(options: z.output<S>, setting: CorrelationSetting): NoiseRecurrence;
}

/** Types compared whole: what a C is made for stays with it. */
export function defineCorrelation<S extends z.ZodType>(type: CorrelationType<S>): CorrelationType<S> {
  return type;
}
