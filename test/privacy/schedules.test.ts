/** Steps of different noise, composed, against dp-accounting (test/fixtures/accounting/schedules.py). */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { countSensitivity, gradientNoiseMultiplier } from "../../src/privacy/adaptive-threshold.js";
import { PrivacyBudget } from "../../src/privacy/budget.js";
import { calibrateNoise } from "../../src/privacy/calibrate.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

interface Tables {
  readonly schedules: readonly {
    readonly samplingRate: number;
    readonly delta: number;
    readonly epsilon: number;
    readonly pieces: readonly { readonly noiseMultiplier: number; readonly steps: number }[];
  }[];
  readonly adaptive: readonly {
    readonly samplingRate: number;
    readonly noiseMultiplier: number;
    readonly countNoise: number;
    readonly groups: number;
    readonly steps: number;
    readonly delta: number;
    readonly gradientNoiseMultiplier: number;
    readonly epsilon: number;
  }[];
}

const path = new URL("../fixtures/accounting/schedules.json", import.meta.url);
const tables = JSON.parse(readFileSync(path, "utf8")) as Tables;

/** Equal to dp-accounting's to 1e-9, and not below it but for float64's last digits. */
function expectEpsilon(got: number, peer: number): void {
  expect(Math.abs(got - peer)).toBeLessThanOrEqual(1e-9 * peer);
  expect(got).toBeGreaterThanOrEqual(peer * (1 - 1e-13));
}

afterEach(() => vi.restoreAllMocks());

describe("schedules of noise", () => {
  it.each(tables.schedules)("ε $epsilon at q $samplingRate", ({ samplingRate, delta, epsilon, pieces }) => {
    const accountant = new RdpAccountant();
    const rows = pieces.map((piece) => ({ ...piece, samplingRate }));
    expectEpsilon(accountant.epsilonWith(rows, delta), epsilon);
    for (const row of rows) accountant.step(row, row.steps);
    expectEpsilon(accountant.epsilon(delta), epsilon);
  });

  it("are calibrated as a whole", () => {
    for (const { samplingRate, delta, epsilon, pieces } of tables.schedules.slice(0, 2)) {
      const first = pieces[0]?.noiseMultiplier as number;
      const steps = pieces.reduce((sum, piece) => sum + piece.steps, 0);
      const factors = pieces.map((piece) => ({ factor: piece.noiseMultiplier / first, steps: piece.steps }));
      const found = calibrateNoise({ samplingRate, steps, epsilon, delta, pieces: factors }, "rdp");
      expect(found).toBeGreaterThanOrEqual(first * (1 - 1e-9));
      expect(found).toBeLessThan(first * (1 + 2e-5));
    }
  });

  it("are calibrated in few evaluations, also where ε is 0 beyond some noise", () => {
    const asked = vi.spyOn(RdpAccountant.prototype, "epsilonWith");
    for (const [epsilon, delta] of [
      [3, 1e-5],
      [0.1, 1e-5],
      [0.01, 0.1],
      [1e-3, 0.4],
    ] as const) {
      asked.mockClear();
      const noise = calibrateNoise({ samplingRate: 0.3, steps: 100, epsilon, delta }, "rdp");
      expect(asked.mock.calls.length).toBeLessThan(60);
      const epsilonOf = (noiseMultiplier: number) =>
        new RdpAccountant().epsilonAfter({ samplingRate: 0.3, noiseMultiplier }, 100, delta);
      expect(epsilonOf(noise)).toBeLessThanOrEqual(epsilon);
      expect(epsilonOf(noise * (1 - 2e-5))).toBeGreaterThan(epsilon);
    }
  });

  it("refuse pieces that are not the run", () => {
    const target = { samplingRate: 0.1, steps: 10, epsilon: 1, delta: 1e-5 };
    expect(() => calibrateNoise({ ...target, pieces: [{ factor: 1, steps: 9 }] })).toThrow(
      "pieces: got 9 steps, expected 10",
    );
    expect(() => calibrateNoise({ ...target, pieces: [{ factor: 0, steps: 10 }] })).toThrow("pieces: factor must be");
  });

  it("a budget stops within the piece that would exceed it", () => {
    const { samplingRate, delta, pieces } = tables.schedules[0] as Tables["schedules"][number];
    const rows = pieces.map((piece) => ({ ...piece, samplingRate }));
    const accountant = new RdpAccountant();
    const upTo = (steps: number) => {
      const [first, second] = rows as [(typeof rows)[number], (typeof rows)[number]];
      return accountant.epsilonWith([first, { ...second, steps: steps - 300 }], delta);
    };
    const budget = new PrivacyBudget(accountant, upTo(412), delta);
    expect(budget.remainingOf(rows)).toBe(412);
    expect(upTo(413)).toBeGreaterThan(budget.epsilon);
    expect(new PrivacyBudget(accountant, 1e-9, delta).remainingOf(rows)).toBe(0);
    expect(new PrivacyBudget(accountant, 100, delta).remainingOf(rows)).toBe(700);
  });
});

describe("counts beside gradients", () => {
  it.each(tables.adaptive)("cost nothing beyond σ $noiseMultiplier: $groups group(s)", (row) => {
    const { samplingRate, noiseMultiplier, countNoise, groups, steps, delta, epsilon } = row;
    const gradients = gradientNoiseMultiplier(noiseMultiplier, countNoise, groups);
    expect(gradients / row.gradientNoiseMultiplier).toBeCloseTo(1, 12);
    expect(gradients).toBeGreaterThan(noiseMultiplier);
    // Together not below σ: σ_g is rounded up.
    const counts = countNoise / countSensitivity(groups);
    expect((gradients ** -2 + counts ** -2) ** -0.5).toBeGreaterThanOrEqual(noiseMultiplier * (1 - 1e-15));
    expectEpsilon(new RdpAccountant().epsilonAfter({ samplingRate, noiseMultiplier }, steps, delta), epsilon);
  });

  it("refuse noise on the counts that leaves nothing for the gradients", () => {
    expect(gradientNoiseMultiplier(0, 1, 3)).toBe(0);
    for (const countNoise of [1, 0.5, 1 + 1e-15]) {
      expect(() => gradientNoiseMultiplier(1, countNoise, 4)).toThrow(
        `clipping.adaptive.countNoise: got ${countNoise}, allowed: a number above 1 (σ·√K/2 for noise multiplier 1 and 4 group(s))`,
      );
    }
  });
});
