/**
 * Every layer and loss, one row of test/fixtures/gradients/rows.json each, against PyTorch in float64: outputs, losses,
 * per-example gradients, norms and clipped sums under every strategy, clip function and style.
 *
 * Tolerance: no element is off by more than 1e-5 of the largest magnitude in its tensor (of one example where
 * gradients of examples are compared); norms and losses, by more than 1e-5 of their own value. A row with
 * `"scale": "example"` holds a gradient that is zero but for rounding: there the whole gradient's magnitude counts.
 */
import { describe, expect, it } from "vitest";
import type { StrategyName } from "../../src/native/binding.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, expectEachClose, largest } from "./compare.js";
import { type Fixture, loadFixture, readRows, repeated } from "./fixture.js";
import { clipFunctions, type Extras, strategies, styles, withSession } from "./sessions.js";

const flat = { function: "abadi", style: "flat" } as const;

async function sums(fixture: Fixture, strategy: StrategyName, extras: Extras, batch = fixture.batch): Promise<Tensors> {
  return (await withSession(fixture, strategy, flat, extras, (session) => session.clippedSum(batch))).sums;
}

function scaleOf(fixture: Fixture, own: ArrayLike<number>, all: readonly ArrayLike<number>[]): number {
  return fixture.row.scale === "example" ? Math.max(...all.map(largest)) : largest(own);
}

function expectSums(what: string, fixture: Fixture, got: Tensors, kind: string): void {
  const names = Object.keys(got);
  const all = names.map((name) => fixture.expected(`sum/${kind}/${name}`));
  names.forEach((name, i) => {
    const expected = all[i] as Float64Array;
    expectClose(`${what}, sum of ${name}`, got[name]?.data ?? [], expected, scaleOf(fixture, expected, all));
  });
}

function expectGradients(fixture: Fixture, got: Tensors): void {
  const { size } = fixture.batch;
  const names = Object.keys(got);
  for (let b = 0; b < size; b++) {
    const row = (values: ArrayLike<number>): number[] =>
      Array.from(values).slice((b * values.length) / size, ((b + 1) * values.length) / size);
    const all = names.map((name) => row(fixture.expected(`gradient/${name}`)));
    names.forEach((name, i) => {
      const expected = all[i] as number[];
      expectClose(`gradient ${b} of ${name}`, row(got[name]?.data ?? []), expected, scaleOf(fixture, expected, all));
    });
  }
}

/** Of one run of `count` after another. */
function meansOf(values: Float64Array, count: number): number[] {
  return Array.from({ length: values.length / count }, (_, run) =>
    values.subarray(run * count, (run + 1) * count).reduce((sum, value) => sum + value / count, 0),
  );
}

function transposed(values: Float64Array, rows: number): Float64Array {
  const columns = values.length / rows;
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function expectSameBits(what: string, got: Tensors, expected: Tensors): void {
  for (const [name, { data }] of Object.entries(expected)) {
    expect(bitsOf(got[name]?.data ?? new Float32Array()), `${what}: bits of ${name}`).toEqual(bitsOf(data));
  }
}

describe.each(readRows("rows.json"))("$name", (row) => {
  const fixture = loadFixture(row);

  it("outputs, losses, per-example gradients and norms", async () => {
    for (const [style, name] of styles) {
      await withSession(fixture, "auto", { function: "abadi", style }, {}, async (session) => {
        const { outputs, losses } = await session.evaluate(fixture.rows);
        expectClose("outputs", outputs, fixture.expected("outputs"));
        expectEachClose("losses", meansOf(losses, row.views ?? 1), fixture.expected("losses"));
        const found = await session.perExampleGradients(fixture.batch);
        expectGradients(fixture, found.gradients);
        expectEachClose("losses beside gradients", found.losses, fixture.expected("losses"));
        const norms = transposed(fixture.expected(`norms/${name}`), fixture.batch.size);
        expectEachClose(`${style} norms`, found.squaredNorms.map(Math.sqrt), norms);
      });
    }
  });

  it.each(strategies)("clipped sums: %s", async (strategy) => {
    const totalNorm = fixture.expected("norms/flat").reduce((sum, norm) => sum + norm, 0);
    for (const clipFunction of clipFunctions) {
      for (const [style, name] of styles) {
        await withSession(fixture, strategy, { function: clipFunction, style }, {}, async (session) => {
          const { sums, statistics } = await session.clippedSum(fixture.batch);
          expectSums(`${clipFunction}, ${style}`, fixture, sums, `${clipFunction}/${name}`);
          expectClose("sum of norms", [statistics.normSum], [totalNorm]);
          expect(statistics).toMatchObject({ examples: fixture.batch.size, leftOut: 0 });
        });
      }
    }
  });

  it("none: the plain sum", async () => {
    expectSums("none", fixture, await sums(fixture, "none", {}), "none");
  });

  it("chunk sizes 1, 7 and the whole batch agree", async () => {
    const batch = repeated(fixture.batch, 16);
    for (const strategy of ["none", ...strategies] as const) {
      const whole = await sums(fixture, strategy, { chunkSize: 16 }, batch);
      const all = Object.values(whole).map((tensor) => tensor.data);
      for (const chunkSize of [1, 7]) {
        const got = await sums(fixture, strategy, { chunkSize }, batch);
        for (const [name, { data }] of Object.entries(whole)) {
          expectClose(
            `${strategy}, chunks of ${chunkSize}, ${name}`,
            got[name]?.data ?? [],
            data,
            scaleOf(fixture, data, all),
          );
        }
      }
    }
  });

  it("thread counts agree to rounding, and to the bit when deterministic; equal runs to the bit", async () => {
    const batch = repeated(fixture.batch, 16);
    for (const strategy of ["none", ...strategies] as const) {
      const one = await sums(fixture, strategy, { chunkSize: 2, threads: 1 }, batch);
      const two = await sums(fixture, strategy, { chunkSize: 2, threads: 2 }, batch);
      const all = Object.values(one).map((tensor) => tensor.data);
      for (const [name, { data }] of Object.entries(one)) {
        expectClose(
          `${strategy}, two threads, ${name}`,
          two[name]?.data ?? [],
          data,
          scaleOf(fixture, data, all),
          2e-6,
        );
      }
      expectSameBits(`${strategy}, again`, await sums(fixture, strategy, { chunkSize: 2, threads: 2 }, batch), two);
      const settings = { chunkSize: 2, deterministic: true };
      const alone = await sums(fixture, strategy, { ...settings, threads: 1 }, batch);
      const together = await sums(fixture, strategy, { ...settings, threads: 2 }, batch);
      expectSameBits(`${strategy}, deterministic`, together, alone);
    }
  });
});
