/** How an optimizer is written down: its options' schema, which the factory's arguments and the JSON form share. */
import { z } from "zod";
import { parseTyped, strictObject } from "../layers/define.js";
import type { Attributes } from "../native/binding.js";

/** An optimizer as torch.optim defines it, ready for a session. */
export interface Optimizer {
  /** Registered name of the native optimizer, and `type` in JSON. */
  readonly kind: string;
  readonly attributes: Attributes;
  /** Before any schedule; finite, > 0. */
  readonly learningRate: number;
  toJSON(): OptimizerJson;
}

export interface OptimizerJson {
  readonly type: string;
  readonly learningRate: number;
  readonly [option: string]: unknown;
}

type JsonShape<T extends string, S extends z.ZodRawShape> = S & {
  type: z.ZodLiteral<T>;
  learningRate: z.ZodNumber;
};

export interface OptimizerType<T extends string = string, S extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly schema: S;
  /** `options`: the JSON form without `type`. @throws TypeError naming the option, what it got and what is allowed. */
  create(options: object): Optimizer;
}

export const learningRate = z.number().positive({ error: "must be a finite number > 0" });
/** A coefficient such as weight decay: finite, ≥ 0. */
export const coefficient = (fallback: number) => z.number().min(0).default(fallback);
/** A decay rate of a running average: in [0, 1). */
export const decayRate = z.number().min(0).lt(1);

/** Declares an optimizer whose native attributes are its options, flags as 0 or 1. `check`: a complaint, or nothing. */
export function defineOptimizer<const T extends string, S extends z.ZodRawShape>(
  type: T,
  options: S,
  check: (options: z.output<z.ZodObject<S>>) => string | undefined = () => undefined,
): OptimizerType<T, z.ZodObject<JsonShape<T, S>, z.core.$strict>> {
  const shape: JsonShape<T, S> = { ...options, type: z.literal(type), learningRate };
  const base = strictObject(shape);
  const schema = base.superRefine((value, context) => {
    const complaint = check(value as unknown as z.output<z.ZodObject<S>>);
    if (complaint !== undefined) context.addIssue({ code: "custom", message: complaint });
  });
  return {
    type,
    schema,
    create(given) {
      const json = parseTyped(type, schema, given) as unknown as OptimizerJson;
      const { type: kind, learningRate: rate, ...settings } = json;
      return { kind, attributes: attributesOf(settings), learningRate: rate, toJSON: () => json };
    },
  };
}

function attributesOf(settings: Readonly<Record<string, unknown>>): Attributes {
  const entries = Object.entries(settings).map(([name, value]) => [
    name,
    typeof value === "boolean" ? Number(value) : value,
  ]);
  return Object.fromEntries(entries) as Attributes;
}
