/** What runs with correlated noise cost: against dp-accounting, window by window, and over processes that share a past. */
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { chargesOf } from "../../src/correlation/charges.js";
import {
  type CorrelationConfig,
  makeCorrelation,
  type Participation,
  prefixSums,
} from "../../src/correlation/index.js";
import { windowSquares } from "../../src/correlation/participation.js";
import { charged, cycleWithin } from "../../src/privacy/cycle.js";
import { inProcess } from "../cli/command.js";

interface Setting {
  correlation: string;
  participation: string;
  samplingRate: number;
  noiseMultiplier: number;
  steps: number;
  delta: number;
  epsilon: number;
}

const { epsilons } = JSON.parse(
  readFileSync(new URL("../fixtures/correlation/reference.json", import.meta.url), "utf8"),
) as { epsilons: Setting[] };

const flags = ({ samplingRate, noiseMultiplier, steps, delta, correlation, participation }: Setting) => [
  ...["account", "--sampling-rate", samplingRate, "--noise-multiplier", noiseMultiplier, "--steps", steps].map(String),
  ...(participation.startsWith("cyclic") ? ["--relation", "zero-out"] : []),
  ...["--delta", String(delta), "--correlation", correlation, "--participation", participation],
];

test.each(epsilons)("hushgrad account --correlation $correlation is dp-accounting's", async (setting) => {
  const { stdout } = await inProcess([...flags(setting), "--json"]);
  const answer = JSON.parse(stdout) as { epsilon: number; epsilonLower: number; mechanisms: unknown[] };
  expect(answer.epsilon).toBeGreaterThanOrEqual(setting.epsilon - 1e-3);
  expect(answer.epsilon).toBeLessThan(setting.epsilon + 1e-3);
  expect(answer).toMatchObject({ correlation: setting.correlation, participation: setting.participation });
  expect(answer.mechanisms.length).toBeGreaterThan(0);
});

test.each(epsilons)("hushgrad calibrate --correlation $correlation finds dp-accounting's noise", async (setting) => {
  const { noiseMultiplier, epsilon, delta } = setting;
  const [, ...rest] = flags(setting);
  const given = rest.filter((_, i) => rest[i] !== "--noise-multiplier" && rest[i - 1] !== "--noise-multiplier");
  const { code, stdout } = await inProcess(["calibrate", ...given, "--epsilon", String(epsilon), "--json"]);
  expect(code).toBe(0);
  const answer = JSON.parse(stdout) as { noiseMultiplier: number; epsilon: number };
  // ε within 1e-3 of theirs moves σ by no more than as much of ε, relatively.
  expect(answer.noiseMultiplier / noiseMultiplier).toBeGreaterThan(1 - 1e-3);
  expect(answer.noiseMultiplier / noiseMultiplier).toBeLessThan(1 + 1e-3);
  expect(answer).toMatchObject({ correlation: setting.correlation, participation: setting.participation, delta });
  const told = await inProcess([...flags({ ...setting, noiseMultiplier: answer.noiseMultiplier }), "--json"]);
  expect((JSON.parse(told.stdout) as { epsilon: number }).epsilon).toBe(answer.epsilon);
  expect(answer.epsilon).toBeLessThanOrEqual(epsilon);
});

test("hushgrad calibrate --correlation calibrates noise alone", async () => {
  const [, ...rest] = flags(epsilons[0] as Setting);
  const { code, stderr } = await inProcess(["calibrate", ...rest, "--epsilon", "2"]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("with --correlation the noise is what is calibrated");
});

describe("hushgrad account", () => {
  const setting = epsilons[0] as Setting;
  it("says the noise, and costs more where an example is replaced", async () => {
    const plain = await inProcess(flags(setting));
    expect(plain.stdout).toMatch(/500 steps, noise bandMF:8, examples cyclic:10, zero-out/);
    const replaced = await inProcess([...flags(setting), "--relation", "replace-one", "--json"]);
    expect((JSON.parse(replaced.stdout) as { epsilon: number }).epsilon).toBeGreaterThan(setting.epsilon);
  });

  it.each([
    [
      ["--correlation", "tree:3", "--participation", "cyclic:10"],
      /--correlation: got "tree:3", allowed: bandMF:N, bisr:N/,
    ],
    [["--correlation", "bandMF:0", "--participation", "cyclic:10"], /--correlation: got "bandMF:0"/],
    [["--correlation", "bandMF:8"], /--correlation: needs --participation; .*cyclic:K \(cyclicPoisson\)/],
    [
      ["--correlation", "bandMF:8", "--sampler", "poisson"],
      /--correlation: not with --sampler poisson; .*how far apart.*separated:K \(bMinSep\).*poisson keeps none apart/,
    ],
    [
      ["--correlation", "bandMF:8", "--sampler", "cyclicPoisson", "--blocks", "8", "--participation", "cyclic:8"],
      /--correlation: not with --sampler cyclicPoisson; .*--participation cyclic:K/,
    ],
    [["--correlation", "bandMF:8", "--discrete", "5"], /--correlation: not with --discrete/],
    [["--correlation", "bandMF:8", "--blocks", "8"], /--correlation: not with --blocks/],
    [["--correlation", "bandMF:8", "--participation", "often:8"], /--participation: got "often:8"/],
    [
      ["--correlation", "bandMF:8", "--participation", "cyclic:10", "--relation", "add/remove"],
      /--participation cyclic: needs --relation zero-out or replace-one/,
    ],
    [["--participation", "cyclic:10"], /only with --correlation/],
    [["--correlation", "bandMF:8", "--compose", "file.json"], /--correlation: not with --compose/],
  ])("refuses %o by name", async (more, message) => {
    const plain = flags(setting).slice(0, -4);
    const { code, stderr } = await inProcess([...plain, ...more]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});

const root = (steps: number, participation: Participation, config: CorrelationConfig = { type: "blt", buffers: 2 }) =>
  makeCorrelation(config, { steps, participation, workload: prefixSums });

describe("charges", () => {
  const cyclic = { pattern: "cyclic", steps: 5 } as const;
  const sampled = { mechanism: { samplingRate: 0.3, cycle: 5 }, participation: cyclic };

  it("are amplified for as many bands as a cycle has steps, and no more", () => {
    const charges = (bands: number) => chargesOf(root(60, cyclic, { type: "bandMF", bands }), sampled, 60);
    expect(charges(5)).toMatchObject({
      mechanism: { samplingRate: 0.3, cycle: 5 },
      pieces: [{ factor: 1, steps: 60 }],
      carried: false,
    });
    expect(charges(6)).toMatchObject({ mechanism: { samplingRate: 1, cycle: 5 }, carried: true });
    expect(charges(6).pieces[0]?.factor).toBeLessThan(1 + 1e-5);
  });

  it("pay for columns that float32 made longer than 1", () => {
    const participation = { pattern: "cyclic", steps: 5000 } as const;
    const { column } = root(5000, participation, { type: "blt", buffers: 3 });
    const square = column.reduce((sum, value) => sum + value ** 2, 0);
    expect(square).toBeGreaterThan(1 + 4e-6);
    const { pieces } = chargesOf({ column }, { mechanism: { samplingRate: 0.9, cycle: 5000 }, participation }, 5000);
    expect((pieces[0]?.factor as number) ** 2 * square).toBeLessThanOrEqual(1);
  });

  it("of independent noise are those of one step, once a cycle of one step", () => {
    const participation = { pattern: "once-a-cycle", steps: 1 } as const;
    expect(windowSquares(Float64Array.of(1), 10, participation).every((square) => square < 1 + 1e-8)).toBe(true);
  });

  it.each(["cyclic", "separated", "once-a-cycle"] as const)(
    "of windows that are held together are none cheaper: %s",
    (pattern) => {
      const participation = { pattern, steps: 5 };
      const correlation = root(2003, participation);
      const { pieces, mechanism } = chargesOf(correlation, { ...sampled, participation }, 2003);
      expect(pieces.length).toBeLessThanOrEqual(64);
      expect(pieces.reduce((sum, { steps }) => sum + steps, 0)).toBe(2003);
      const paid = pieces.flatMap(({ factor, steps }) => Array(Math.ceil(steps / 5)).fill(1 / factor ** 2) as number[]);
      const squares = windowSquares(correlation.column, 2003, participation);
      expect(paid).toHaveLength(squares.length);
      squares.forEach((square, m) => {
        expect(paid[m]).toBeGreaterThanOrEqual(square * (1 - 1e-12));
      });
      expect(mechanism).toEqual({ samplingRate: 1, cycle: 5 });
    },
  );

  it("by process cover all rows of processes that share a past, whichever steps an example was in", () => {
    const [steps, k] = [12, 3];
    const participation = { pattern: "cyclic", steps: k } as const;
    const correlation = root(steps, participation);
    const { pieces, mechanism } = chargesOf(
      correlation,
      { mechanism: { samplingRate: 1, cycle: k }, participation },
      steps,
    );
    const plan = pieces.map(({ factor, steps: count }) => ({ ...mechanism, noiseMultiplier: factor, steps: count }));
    // What a process pays that takes steps `from` … `to` − 1 of the plan.
    const paid = (from: number, to: number): number => {
      let at = 0;
      let sum = 0;
      for (const row of cycleWithin(plan, from)) {
        const taken = Math.max(0, Math.min(to, at + row.steps) - Math.max(from, at));
        if (taken > 0) {
          const [first] = charged({ ...row, steps: taken });
          expect(first?.samplingRate).toBe(1);
          sum += (first?.steps ?? 0) / row.noiseMultiplier ** 2;
        }
        at += row.steps;
      }
      return sum;
    };
    /** Σ over rows `from` … `to` − 1 of (C·u)². */
    const moved = (u: readonly number[], from: number, to: number): number => {
      let sum = 0;
      for (let t = from; t < to; t++) {
        let row = 0;
        for (let s = 0; s <= t; s++) row += (correlation.column[t - s] ?? 0) * (u[s] as number);
        sum += row * row;
      }
      return sum;
    };
    for (const [checkpoint, died] of [
      [5, 7],
      [3, 3],
      [4, 11],
      [8, 9],
    ] as const) {
      let worst = 0;
      for (let residue = 0; residue < k; residue++) {
        for (let first = 0; first < 16; first++) {
          for (let second = 0; second < 16; second++) {
            const own = (set: number, s: number) => Number(s % k === residue && (set >> Math.floor(s / k)) % 2 === 1);
            const before = Array.from({ length: steps }, (_, s) => own(first, s));
            const after = before.map((u, s) => (s < checkpoint ? u : own(second, s)));
            worst = Math.max(worst, moved(before, 0, died) + moved(after, checkpoint, steps));
          }
        }
      }
      const all = paid(0, died) + paid(checkpoint, steps);
      expect(all).toBeGreaterThanOrEqual(worst);
      expect(all).toBeLessThan(3 * worst);
    }
  });
});
