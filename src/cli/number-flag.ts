/** Numbers on the command line: the message names the flag (commander adds it), what came and what is allowed. */
import { InvalidArgumentError } from "commander";
import { describeRange, inRange, type NumberRange } from "../privacy/check.js";

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A parser for commander's options: a decimal number in `range`, or a usage error. */
export function numberFlag(range: NumberRange): (text: string) => number {
  return (text) => {
    const value = decimal.test(text) ? Number(text) : Number.NaN;
    if (inRange(value, range)) return value;
    throw new InvalidArgumentError(`Allowed: ${describeRange(range)}.`);
  };
}
