/** zod on values that come from outside. */
import type { z } from "zod";

/** No configuration needs as many, and what walks through it must not run out of stack. */
const MOST_LEVELS = 64;

/**
 * zod's verdict on any value. Throws what `refuse` makes of what came and what is allowed where zod has none: it runs out of
 * stack on what is nested without end, and its records fail on a key `constructor` that is null.
 */
export function safeParse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  refuse: (came: string, allowed: string) => Error,
): z.ZodSafeParseResult<z.output<S>> {
  if (isNestedBelow(value, MOST_LEVELS)) throw refuse(`more than ${MOST_LEVELS} levels of lists and objects`, "fewer");
  try {
    return schema.safeParse(value);
  } catch {
    throw refuse("an object with a key 'constructor'", "other keys");
  }
}

/**
 * What a value holds at a path, as an issue names it. zod's own `reportInput` writes all of it into its message, as often as
 * it is there.
 */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/** `fits`: levels that an object needs at most. What is there many times is looked at once a level. */
function isNestedBelow(value: unknown, levels: number, fits = new Map<object, number>()): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if ((fits.get(value) ?? Number.POSITIVE_INFINITY) <= levels) return false;
  if (Object.values(value).some((part) => isNestedBelow(part, levels - 1, fits))) return true;
  fits.set(value, levels);
  return false;
}
