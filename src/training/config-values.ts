/** Values that configurations are made of, each with what it says when it gets something else. */
import { z } from "zod";

export const allowed = (what: string) => `allowed: ${what}`;
export const positive = (what = "a number above 0") => z.number(allowed(what)).gt(0, allowed(what));
export const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const what =
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number, at least ${least}`
      : `a whole number from ${least} to ${most.toLocaleString("en")}`;
  return z.int(allowed(what)).min(least, allowed(what)).max(most, allowed(what));
};
export const text = z.string(allowed("a string")).min(1, allowed("a string that is not empty"));
export const flag = z.boolean(allowed("true or false"));
export const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: () => allowed(values.join(", ")) });
