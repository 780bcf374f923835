/** Numbers as pages and terminals show them. */
import { roundUp } from "../privacy/rounding.js";

/** `1.998`, `1e-5`: four significant digits, short. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(4));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

/** ε ≥ 0 in four digits, rounded up: what is shown is never below what was proved. */
export function epsilonText(epsilon: number): string {
  return Number.isFinite(epsilon) ? short(roundUp(epsilon, 4)) : "infinite";
}
