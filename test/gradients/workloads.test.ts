/**
 * The benchmark workloads against PyTorch in float64: losses, norms and, of gradients too large to keep, evenly spaced
 * coordinates and projections on random sign vectors (test/fixtures/gradients/sketch.py), in which every coordinate has
 * a part. Tolerance: 1e-5 of the largest magnitude among what is kept of the tensor; norms and losses, of their value.
 */
import { describe, expect, it } from "vitest";
import { modelByName } from "../../src/models/index.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, expectEachClose } from "./compare.js";
import { type Fixture, loadFixture, readRows } from "./fixture.js";
import { Stream } from "./generator.js";
import { clipFunctions, strategies, styles, withSession } from "./sessions.js";

const COORDINATES = 48;
const DIRECTIONS = 3;
const SIGN_SEED = 0x51675;

function keptCoordinates(row: Float32Array): number[] {
  const indices = Array.from({ length: COORDINATES }, (_, i) => Math.floor((i * row.length) / COORDINATES));
  return [...new Set(indices)].map((index) => row[index] as number);
}

function projections(row: Float32Array): number[] {
  const stream = new Stream(SIGN_SEED);
  return Array.from({ length: DIRECTIONS }, () => {
    let sum = 0;
    for (const value of row) sum += stream.word() >>> 31 ? -value : value;
    return sum;
  });
}

/** `rows` examples of each tensor, sketched, against the fixture's. */
function expectSketches(fixture: Fixture, kind: string, got: Tensors, rows: number): void {
  for (const [name, { data }] of Object.entries(got)) {
    const elements = data.length / rows;
    for (let b = 0; b < rows; b++) {
      const row = data.subarray(b * elements, (b + 1) * elements);
      const expected = (suffix: string): Float64Array => {
        const all = fixture.expected(`${kind}/${name}${suffix}`);
        return all.subarray((b * all.length) / rows, ((b + 1) * all.length) / rows);
      };
      expectClose(`${kind}, row ${b} of ${name}`, keptCoordinates(row), expected(""));
      expectClose(`${kind}, row ${b} of ${name}, projected`, projections(row), expected("@signs"));
    }
  }
}

describe.each(readRows("workloads.json"))("$name", (row) => {
  const fixture = loadFixture(row);
  const { size } = fixture.batch;

  it("is the model of that name", () => {
    expect(fixture.model.spec).toEqual(modelByName(row.name).spec);
  });

  it("outputs, losses, per-example gradients and norms", async () => {
    await withSession(fixture, "auto", { function: "abadi", style: "flat" }, {}, async (session) => {
      const { outputs, losses } = await session.evaluate(fixture.batch);
      expectClose("outputs", outputs, fixture.expected("outputs"));
      expectEachClose("losses", losses, fixture.expected("losses"));
      const found = await session.perExampleGradients(fixture.batch);
      expectSketches(fixture, "gradient", found.gradients, size);
      expectEachClose("norms", found.squaredNorms.map(Math.sqrt), fixture.expected("norms/flat"));
    });
  });

  it.each(["none", ...strategies] as const)(
    "sums: %s",
    async (strategy) => {
      for (const clipFunction of strategy === "none" ? (["abadi"] as const) : clipFunctions) {
        for (const [style, name] of styles) {
          const kind = strategy === "none" ? "sum/none" : `sum/${clipFunction}/${name}`;
          await withSession(fixture, strategy, { function: clipFunction, style }, { threads: 2 }, async (session) => {
            expectSketches(fixture, kind, (await session.clippedSum(fixture.batch)).sums, 1);
          });
        }
      }
    },
    120_000,
  );
});
