import { describe, expect, it } from "vitest";
import { modelFromJSON } from "../../src/layers/model-json.js";
import { expectClose } from "./compare.js";
import { loadFixture, readRows } from "./fixture.js";
import { withSession } from "./sessions.js";

const row = readRows("rows.json").find(({ name }) => name === "dropout-rate-0");
if (row === undefined) throw new Error("rows.json has no row 'dropout-rate-0'");
const still = loadFixture(row);
const layers = row.layers.map((layer) => (layer.type === "dropout" ? { type: "dropout", rate: 0.5 } : layer));
const dropping = { ...still, model: modelFromJSON({ inputShape: row.inputShape, layers }) };
const flat = { function: "abadi", style: "flat" } as const;

describe("dropout", () => {
  it("leaves evaluation alone", async () => {
    await withSession(dropping, "auto", flat, {}, async (session) => {
      const { outputs } = await session.evaluate(dropping.batch);
      expectClose("outputs", outputs, still.expected("outputs"));
    });
  });

  it("drops in training, the same elements whenever the step is the same", async () => {
    const sumOf = () => withSession(dropping, "reweight", flat, {}, (session) => session.clippedSum(dropping.batch));
    const first = (await sumOf()).sums["3.weight"]?.data ?? [];
    const second = (await sumOf()).sums["3.weight"]?.data ?? [];
    expect([...first]).toEqual([...second]);
    const plain = still.expected("sum/abadi/flat/3.weight");
    const changed = [...first].filter((value, i) => Math.abs(value - (plain[i] as number)) > 1e-3);
    expect(changed.length).toBeGreaterThan(first.length / 2);
  });
});
