import { expect, test } from "vitest";
import { median, quantile } from "../../src/bench/statistics.js";

test("quantiles are interpolated between neighbours, whatever the order", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
  expect(quantile([0, 1], 0.75)).toBe(0.75);
  expect(quantile([7], 0.9)).toBe(7);
});

test("there is no median of nothing", () => {
  expect(median([])).toBeNaN();
});
