/**
 * The benchmark workloads against PyTorch in float64: losses, norms and, of gradients too large to keep, evenly spaced
 * coordinates and projections on random sign vectors (test/fixtures/gradients/sketch.py), in which every coordinate has
 * a part. Tolerance: 1e-5 of the largest magnitude among what is kept of the tensor; norms and losses, of their value.
 */
import { describe, expect, it } from "vitest";
import { modelByName } from "../../src/models/index.js";
import { expectClose, expectEachClose } from "./compare.js";
import { loadFixture, readRows } from "./fixture.js";
import { clipFunctions, strategies, styles, withSession } from "./sessions.js";
import { expectSketches } from "./sketch.js";

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
      expectSketches(fixture.expected, "gradient", found.gradients, size);
      expectEachClose("norms", found.squaredNorms.map(Math.sqrt), fixture.expected("norms/flat"));
    });
  });

  it.each(["none", ...strategies] as const)("sums: %s", async (strategy) => {
    for (const clipFunction of strategy === "none" ? (["abadi"] as const) : clipFunctions) {
      for (const [style, name] of styles) {
        const kind = strategy === "none" ? "sum/none" : `sum/${clipFunction}/${name}`;
        await withSession(fixture, strategy, { function: clipFunction, style }, { threads: 2 }, async (session) => {
          expectSketches(fixture.expected, kind, (await session.clippedSum(fixture.batch)).sums, 1);
        });
      }
    }
  });
});
