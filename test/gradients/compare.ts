/** What "within 1e-5 relative" means here, in one place. */
import { expect } from "vitest";

/** Of float32 results against float64 fixtures. */
export const TOLERANCE = 1e-5;

type Numbers = ArrayLike<number>;

/** The largest magnitude among the values. */
export function largest(values: Numbers): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] as number));
  return most;
}

/**
 * No element differs by more than `tolerance` times `scale`, by default the largest magnitude that is expected in the
 * tensor. Where zeros alone are expected, zeros must come.
 */
export function expectClose(
  what: string,
  got: Numbers,
  expected: Numbers,
  scale = largest(expected),
  tolerance = TOLERANCE,
): void {
  expect(got.length, `${what}: number of elements`).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs((got[i] as number) - (expected[i] as number));
    worst = error <= worst ? worst : error; // NaN is the worst, and stays
  }
  const relative = worst === 0 ? 0 : worst / scale;
  expect(relative, `${what}: largest error, relative to ${scale}`).toBeLessThanOrEqual(tolerance);
}

/** Each element to `tolerance` of its own size. */
export function expectEachClose(what: string, got: Numbers, expected: Numbers, tolerance = TOLERANCE): void {
  expect(got.length, `${what}: number of elements`).toBe(expected.length);
  for (let i = 0; i < got.length; i++) {
    expectClose(`${what}[${i}]`, [got[i] as number], [expected[i] as number], undefined, tolerance);
  }
}
