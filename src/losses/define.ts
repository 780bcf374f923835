/** How a loss is written down: its options' schema, which the factory's arguments and the JSON form share. */
import { z } from "zod";
import { parseTyped, strictObject } from "../layers/define.js";
import type { Attributes } from "../native/binding.js";

/** A loss, ready for a session. Every loss is normalised within the example. */
export interface Loss {
  /** Registered name of the native loss, and `type` in JSON. */
  readonly kind: string;
  readonly attributes: Attributes;
  /** `classes`: int32 class indices; `values`: float32 targets. */
  readonly targetKind: "classes" | "values";
  toJSON(): LossJson;
}

export interface LossJson {
  readonly type: string;
  readonly [option: string]: unknown;
}

export interface LossType<T extends string = string, S extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly schema: S;
  /** `options`: the JSON form without `type`. @throws TypeError naming the option, what it got and what is allowed. */
  create(options: object): Loss;
}

type OptionValue = number | boolean | number[];

/** Declares a loss whose native attributes are its options; one that is not given and has no default is left out. */
export function defineLoss<const T extends string, S extends Record<string, z.ZodType<OptionValue | undefined>>>(
  type: T,
  targetKind: Loss["targetKind"],
  options: S,
): LossType<T, z.ZodObject<S & { type: z.ZodLiteral<T> }, z.core.$strict>> {
  const shape: S & { type: z.ZodLiteral<T> } = { ...options, type: z.literal(type) };
  const schema = strictObject(shape);
  return {
    type,
    schema,
    create(given) {
      const { type: kind, ...chosen } = parseTyped(type, schema, given) as LossJson;
      const attributes = attributesOf(chosen as Record<string, OptionValue | undefined>);
      return { kind, attributes, targetKind, toJSON: () => ({ type: kind, ...chosen }) };
    },
  };
}

function attributesOf(options: Record<string, OptionValue | undefined>): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) attributes[name] = typeof value === "boolean" ? Number(value) : value;
  }
  return attributes;
}
