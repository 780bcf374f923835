/** C against jax_privacy and dense float64 matrices, and what one example moves against brute force (fixtures/correlation). */
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type CorrelationConfig, makeCorrelation, type Participation } from "../../src/correlation/index.js";
import { meanVariance } from "../../src/correlation/loss.js";
import { sensitivityOf, windowSquares } from "../../src/correlation/participation.js";
import { firstColumn } from "../../src/correlation/recurrence.js";
import { binomialSeries, product, quotient } from "../../src/correlation/series.js";
import { prefixSums, workloadOf, workloadPower } from "../../src/correlation/workload.js";

interface Reference {
  participations: {
    column: number[];
    steps: number;
    pattern: Participation["pattern"];
    apart: number;
    windows: number[];
    total: number;
  }[];
  minimum_separations: { steps: number; square: number }[];
  banded: { steps: number; bands: number; column: number[]; loss: number }[];
  inverse_roots: { steps: number; bands: number; retention: number; momentum: number; column: number[] }[];
  buffered: { steps: number; buffers: number; loss: number }[];
  variances: { steps: number; retention: number; momentum: number; column: number[]; variance: number }[];
}

const reference = JSON.parse(
  readFileSync(new URL("../fixtures/correlation/reference.json", import.meta.url), "utf8"),
) as Reference;

function make(config: CorrelationConfig, steps: number, workload = prefixSums) {
  return makeCorrelation(config, { steps, participation: { pattern: "cyclic", steps }, workload });
}

/** Sensitivity² × mean variance, the sensitivity that of one participation. */
function lossOf(column: Float64Array, steps: number): number {
  const norm = column.reduce((sum, value) => sum + value * value, 0);
  return norm * meanVariance(column, workloadPower(prefixSums, 1, steps), steps).value;
}

test.each(reference.banded)("bandMF of $bands bands over $steps steps is jax_privacy's", (row) => {
  const { column } = make({ type: "bandMF", bands: row.bands }, row.steps);
  expect(lossOf(column, row.steps) / row.loss).toBeLessThan(1 + 1e-5);
  expect(lossOf(column, row.steps) / row.loss).toBeGreaterThan(1 - 1e-5);
  row.column.forEach((value, i) => {
    expect(Math.abs((column[i] ?? Number.NaN) - value)).toBeLessThan(2e-3);
  });
});

test.each(reference.inverse_roots)(
  "bisr of $bands bands, momentum $momentum, is the square root of the matrix",
  (row) => {
    const { column } = make({ type: "bisr", bands: row.bands }, row.steps, row);
    row.column.forEach((value, i) => {
      expect(Math.abs((column[i] ?? Number.NaN) - value)).toBeLessThan(3e-6);
    });
  },
);

test.each(reference.buffered)("blt of $buffers buffers over $steps steps is as good as jax_privacy's", (row) => {
  const { column, recurrence } = make({ type: "blt", buffers: row.buffers }, row.steps);
  expect(recurrence.weights).toHaveLength(row.buffers);
  expect(lossOf(column, row.steps) / row.loss).toBeLessThan(1 + 1e-4);
});

test("blt over more steps than its last search looks at is better than over few", () => {
  const near = make({ type: "blt", buffers: 2 }, 5000);
  const far = make({ type: "blt", buffers: 2 }, 200_000);
  expect(Math.max(...far.recurrence.decays)).toBeGreaterThan(Math.max(...near.recurrence.decays));
});

test.each(reference.variances)("the mean variance is that of $steps steps of SGD, momentum $momentum", (row) => {
  const { value } = meanVariance(
    Float64Array.from(row.column.slice(0, row.steps)),
    workloadPower(row, 1, row.steps),
    row.steps,
  );
  expect(value / row.variance).toBeCloseTo(1, 10);
});

test("the mean variance's gradient is that of its differences", () => {
  const column = Float64Array.of(1, 0.5, 0.4, 0.1);
  const workload = workloadPower({ retention: 0.99, momentum: 0.6 }, 1, 50);
  const { gradient } = meanVariance(column, workload, 80);
  column.forEach((value, i) => {
    const at = (c: number) => meanVariance(column.with(i, c), workload, 80).value;
    const slope = (at(value + 1e-6) - at(value - 1e-6)) / 2e-6;
    expect(Math.abs((gradient[i] ?? Number.NaN) / slope - 1)).toBeLessThan(1e-6);
  });
});

test.each([65, 200, 1000])(
  "the gradient of %d coefficients over a horizon of transforms is that of its differences",
  (length) => {
    const column = binomialSeries(-0.5, 1, length);
    const workload = workloadPower({ retention: 0.999, momentum: 0.9 }, 1, 1500);
    const { gradient } = meanVariance(column, workload, 3000);
    for (const i of [0, 1, length >> 1, length - 1]) {
      const at = (c: number) => meanVariance(column.with(i, c), workload, 3000).value;
      const slope = (at((column[i] as number) + 1e-5) - at((column[i] as number) - 1e-5)) / 2e-5;
      expect(Math.abs((gradient[i] as number) / slope - 1)).toBeLessThan(1e-6);
    }
  },
);

test.each([
  [64, 64, 300],
  [65, 300, 300],
  [1000, 700, 1234],
])("series of %d and %d coefficients multiply and divide as schoolbooks do", (numerators, denominators, length) => {
  const a = Float64Array.from({ length: numerators }, (_, i) => Math.cos(i * i));
  const b = binomialSeries(-0.5, 0.999, denominators);
  const whole = new Float64Array(length);
  for (let i = 0; i < numerators; i++)
    for (let j = 0; j < denominators && i + j < length; j++)
      whole[i + j] = (whole[i + j] as number) + (a[i] as number) * (b[j] as number);
  const back = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    back[t] = a[t] ?? 0;
    for (let i = 1; i <= Math.min(t, denominators - 1); i++)
      back[t] = (back[t] as number) - (b[i] as number) * (back[t - i] as number);
  }
  const differs = (one: Float64Array, other: Float64Array) =>
    Math.max(...one.map((x, i) => Math.abs(x - (other[i] ?? 9))));
  expect(differs(product(a, b, length), whole)).toBeLessThan(1e-12);
  expect(differs(quotient(a, b, length), back)).toBeLessThan(1e-12);
});

/** Sensitivity² × mean variance, as found with schoolbook products of series: the search may end elsewhere, not much worse. */
test.each([
  [3750, 128, "cyclic", 16, 1, 0, 3009902.7],
  [3750, 512, "cyclic", 16, 1, 0, 517499.77],
  [3750, 200, "separated", 100, 0.999, 0.9, 911774.19],
  [600, 300, "separated", 1, 1, 0, 2.3569792e8],
] as const)("bandMF over %d steps with %d bands, more than a cycle has, is as good as before", (...row) => {
  const [steps, bands, pattern, apart, retention, momentum, before] = row;
  const setting = { steps, participation: { pattern, steps: apart }, workload: { retention, momentum } };
  const { column } = makeCorrelation({ type: "bandMF", bands }, setting);
  const variance = meanVariance(column, workloadPower(setting.workload, 1, steps), steps).value;
  expect((sensitivityOf(column, steps, setting.participation) ** 2 * variance) / before).toBeLessThan(1.005);
});

describe("what one example can move", () => {
  const isSimple = (column: readonly number[]) =>
    column.every((value, i) => value >= 0 && value <= (column[i - 1] ?? 9));

  it.each(reference.participations)("$pattern, $apart apart, is never below brute force", (row) => {
    const squares = windowSquares(Float64Array.from(row.column), row.steps, { pattern: row.pattern, steps: row.apart });
    expect(squares).toHaveLength(row.windows.length);
    row.windows.forEach((square, m) => {
      expect(squares[m]).toBeGreaterThanOrEqual(square);
    });
    const total = squares.reduce((sum, square) => sum + square, 0);
    expect(total).toBeGreaterThanOrEqual(row.total);
    // Exact where c falls and participations are at least so far apart; the last window may be cut short.
    if (isSimple(row.column) && row.pattern !== "once-a-cycle" && row.column.length > row.apart) {
      expect(total / row.total).toBeLessThan(1 + 1e-8);
    }
  });

  it.each(reference.minimum_separations)("is jax_privacy's at a separation of $steps", ({ steps, square }) => {
    const root = binomialSeries(-0.5, 1, 200);
    expect(sensitivityOf(root, 200, { pattern: "separated", steps }) ** 2 / square).toBeCloseTo(1, 8);
  });
});

describe("a correlation", () => {
  const configs: CorrelationConfig[] = [
    { type: "bandMF", bands: 1 },
    { type: "bandMF", bands: 7 },
    { type: "bisr", bands: 5 },
    { type: "blt", buffers: 3 },
  ];

  it.each(configs)("has columns of norm 1 at most, of the float32 numbers that it is computed with: %o", (config) => {
    const { column, recurrence, buffers } = make(config, 300);
    const norm = Math.hypot(...column);
    expect(norm).toBeLessThanOrEqual(1);
    expect(norm).toBeGreaterThan(1 - 3e-6);
    for (const value of [recurrence.gain, ...recurrence.weights, ...recurrence.decays]) {
      expect(Math.fround(value)).toBe(value);
    }
    expect(buffers).toBe(recurrence.weights.length);
    expect(firstColumn(recurrence, 300)).toEqual(column);
    // Streaming gives C⁻¹: of C's first column the first unit vector.
    const inverse = quotient([1], column, 300);
    expect(product(column, inverse, 300)[0]).toBeCloseTo(1, 12);
    expect(column.every((value, i) => value >= 0 && value <= (column[i - 1] ?? 1) + 1e-9)).toBe(true);
  });

  it("of more bands than steps has as many as steps", () => {
    expect(make({ type: "bandMF", bands: 50 }, 6).column).toHaveLength(6);
    expect(make({ type: "bisr", bands: 50 }, 6).buffers).toBe(5);
    expect(make({ type: "blt", buffers: 2 }, 1).column).toHaveLength(1);
  });

  it("is refused by name where it cannot be", () => {
    expect(() => make({ type: "tree" } as never, 10)).toThrow(/correlation: .*bandMF, bisr, blt/);
    expect(() => make({ type: "bandMF", bands: 0 }, 10)).toThrow(/correlation.*bands/);
    expect(() => make({ type: "blt", buffers: 9 }, 10)).toThrow(/correlation.*buffers/);
    expect(() => make({ type: "blt", buffers: 2 }, 1e9)).toThrow(/steps beside correlated noise must be an integer/);
  });

  it("is made for the optimizer: momentum and weight decay of SGD", () => {
    const sgd = { type: "sgd", learningRate: 0.1, momentum: 0.9, weightDecay: 0.5 };
    expect(workloadOf(sgd)).toEqual({ retention: 0.95, momentum: 0.9 });
    expect(workloadOf({ type: "adam", learningRate: 0.1 })).toEqual(prefixSums);
  });
});
