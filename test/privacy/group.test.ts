import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { totalVariation } from "../../src/privacy/discrete-gaussian.js";
import { groupEpsilon, groupOrders, groupRdp } from "../../src/privacy/group.js";
import { PrvAccountant } from "../../src/privacy/prv.js";

interface Group {
  readonly size: number;
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
}

interface Table {
  /** By the definition, integrated numerically. */
  readonly exact: readonly (Group & { readonly order: number; readonly rdp: number })[];
  /** dp-accounting's privacy loss distribution of the same mixture. */
  readonly settings: readonly (Group & { readonly steps: number; readonly delta: number; readonly epsilon: number })[];
}

const path = new URL("../fixtures/accounting/groups.json", import.meta.url);
const table = JSON.parse(readFileSync(path, "utf8")) as Table;

describe("groupRdp", () => {
  it.each(table.exact)("is at or above the definition, within 1 % : %o", ({ size, order, rdp, ...mechanism }) => {
    const nearest = groupOrders.reduce((a, b) => (Math.abs(b - order) < Math.abs(a - order) ? b : a));
    expect(nearest).toBeCloseTo(order, 12);
    const ours = groupRdp(mechanism, size)[groupOrders.indexOf(nearest)] as number;
    expect(ours).toBeGreaterThanOrEqual(rdp * (1 - 1e-13));
    expect(ours).toBeLessThan(rdp * 1.01 + 1e-6);
  });
});

describe("groupEpsilon", () => {
  it.each(table.settings)("is above the exact ε by a fifth at most: %o", ({ size, delta, epsilon, ...row }) => {
    const ours = groupEpsilon([row], size, delta);
    expect(ours).toBeGreaterThan(epsilon);
    expect(ours).toBeLessThan(epsilon * 1.2);
  });

  const row = { samplingRate: 0.05, noiseMultiplier: 1.2, steps: 300 };

  it("grows with the group and the steps, and exceeds what one example spends", () => {
    const sizes = [2, 3, 10, 100].map((size) => groupEpsilon([row], size, 1e-5));
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    const one = new PrvAccountant();
    one.step(row, row.steps);
    expect(sizes[0]).toBeGreaterThan(one.epsilon(1e-5));
    const half = { ...row, steps: 150 };
    expect(groupEpsilon([half, half], 3, 1e-5)).toBeCloseTo(groupEpsilon([row], 3, 1e-5), 9);
    expect(groupEpsilon([half], 3, 1e-5)).toBeLessThan(groupEpsilon([row], 3, 1e-5));
  });

  it("proves nothing without noise, with next to none, or for steps of another kind", () => {
    for (const kind of [{ relation: "replace-one" }, { sample: "fixed-size" }, { failure: 1e-9 }] as const)
      expect(groupEpsilon([{ ...row, ...kind }], 11, 1e-5)).toBe(Number.POSITIVE_INFINITY);
    for (const noiseMultiplier of [0, 1e-9, 1e-4])
      expect(groupEpsilon([{ ...row, noiseMultiplier }], 11, 1e-5)).toBe(Number.POSITIVE_INFINITY);
    expect(groupEpsilon([{ ...row, samplingRate: 0, noiseMultiplier: 0 }], 11, 1e-5)).toBe(0);
    expect(groupEpsilon([], 11, 1e-5)).toBe(0);
  });

  it("pays for discrete noise with δ, twice over, until that outweighs it", () => {
    const few = { samplingRate: 0.001, noiseMultiplier: 2, steps: 20 };
    const plain = groupEpsilon([few], 11, 1e-5);
    const discrete = { ...few, discreteCoordinates: 26_010 };
    const epsilon = groupEpsilon([discrete], 11, 1e-5);
    expect(epsilon).toBeGreaterThanOrEqual(plain);
    expect(epsilon).toBeLessThan(plain * (1 + 1e-6));
    // What holds for continuous noise at δ − (1 + e^ε)τ.
    const coarse = { ...few, discreteCoordinates: 9e15 };
    const lost = totalVariation([coarse]);
    const found = groupEpsilon([coarse], 11, 1e-9);
    expect(lost).toBeGreaterThan(1e-11);
    expect(found).toBeGreaterThan(groupEpsilon([few], 11, 1e-9));
    expect(found).toBeGreaterThanOrEqual(groupEpsilon([few], 11, 1e-9 - (1 + Math.exp(found)) * lost));
    expect(groupEpsilon([{ ...row, discreteCoordinates: 1e15 }], 100, 1e-5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("refuses what cannot be, by name", () => {
    expect(() => groupEpsilon([row], 1, 1e-5)).toThrow("size must be an integer in [2, 10000], got 1");
    expect(() => groupEpsilon([row], 2.5, 1e-5)).toThrow(/size must be an integer/);
    expect(() => groupEpsilon([row], 2, 0)).toThrow(/delta must be/);
    expect(() => groupEpsilon([{ ...row, samplingRate: 2 }], 2, 1e-5)).toThrow(/samplingRate must be/);
  });
});
