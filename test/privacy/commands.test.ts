import { Command } from "commander";
import { afterEach, describe, expect, it, vi } from "vitest";
import { register as registerAccount } from "../../src/cli/account.js";
import { register as registerCalibrate } from "../../src/cli/calibrate.js";
import { short } from "../../src/cli/format.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

function run(line: string): { output: string; error: string } {
  const program = new Command("hushgrad").exitOverride();
  let error = "";
  let output = "";
  program.configureOutput({ writeErr: (text) => void (error += text) });
  registerAccount(program);
  registerCalibrate(program);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += String(text);
    return true;
  });
  try {
    program.parse(line.split(" "), { from: "user" });
  } catch (thrown) {
    error ||= (thrown as Error).message;
  } finally {
    vi.restoreAllMocks();
  }
  return { output, error };
}

afterEach(() => vi.restoreAllMocks());

const setting = "--sampling-rate 0.004 --steps 3750 --delta 1e-5";

describe("hushgrad account", () => {
  it("answers with JSON", () => {
    const { output } = run(`account ${setting} --noise-multiplier 1.1 --accountant rdp --json`);
    const epsilon = new RdpAccountant().epsilonAfter({ samplingRate: 0.004, noiseMultiplier: 1.1 }, 3750, 1e-5);
    expect(JSON.parse(output)).toEqual({
      epsilon,
      accountant: "rdp",
      upperBound: true,
      order: 12,
      samplingRate: 0.004,
      noiseMultiplier: 1.1,
      steps: 3750,
      delta: 1e-5,
      relation: "add/remove",
    });
  });

  it("answers for the other relations: zeroing out costs the same, replacing more", () => {
    const epsilon = (relation: string) =>
      (
        JSON.parse(run(`account ${setting} --noise-multiplier 1.1 --relation ${relation} --json`).output) as {
          epsilon: number;
        }
      ).epsilon;
    expect(epsilon("zero-out")).toBe(epsilon("add/remove"));
    // dp-accounting's PLD for REPLACE_ONE: test/fixtures/accounting/relations.py.
    expect(Math.abs(epsilon("replace-one") - 1.8608436)).toBeLessThan(1e-3);
    expect(run(`account ${setting} --noise-multiplier 1.1 --relation swap`).error).toContain(
      "Allowed choices are add/remove, zero-out, replace-one",
    );
  });

  it("answers with the tightest proved bound by default, and the lower bound beside it", () => {
    const answer = JSON.parse(run(`account ${setting} --noise-multiplier 1.1 --json`).output) as Record<string, number>;
    // A saddle-point inversion without a lattice gives 1.0925384 (test/fixtures/accounting/pld.py).
    expect(answer).toMatchObject({ accountant: "prv", upperBound: true, proof: "pld" });
    expect(answer.epsilon).toBeGreaterThanOrEqual(1.0925384);
    expect(answer.epsilon).toBeLessThan(1.0925384 + 1e-3);
    expect(answer.epsilonLower).toBeLessThanOrEqual(1.0925385);
    expect(answer.epsilonLower).toBeGreaterThan(1.0925384 - 1e-3);
    expect(run(`account ${setting} --noise-multiplier 1.1`).output).toMatch(
      /^ε = 1\.09\d+ at δ = 1e-5 \(prv, an upper bound by the privacy loss distribution, none below 1\.09\d+ holds; /,
    );
  });

  it("answers with a line, rounded up", () => {
    expect(run(`account ${setting} --noise-multiplier 1.1 --accountant rdp`).output).toBe(
      "ε = 1.24022 at δ = 1e-5 (rdp, an upper bound, order 12; q = 0.004, σ = 1.1, 3750 steps, add/remove)\n",
    );
    expect(run(`account ${setting} --noise-multiplier 1.1 --accountant gdp`).output).toContain("may under-report");
  });

  it("gives ε at other δ on request, as JSON and as a table", () => {
    const line = `account ${setting} --noise-multiplier 1.1 --accountant rdp --curve`;
    const { curve } = JSON.parse(run(`${line} --json`).output) as { curve: { delta: number; epsilon: number }[] };
    const epsilonOf = (delta: number) =>
      new RdpAccountant().epsilonAfter({ samplingRate: 0.004, noiseMultiplier: 1.1 }, 3750, delta);
    expect(curve.map(({ delta }) => delta)).toEqual(Array.from({ length: 10 }, (_, i) => Number(`1e-${i + 3}`)));
    expect(curve).toEqual(curve.map(({ delta }) => ({ delta, epsilon: epsilonOf(delta) })));
    const rows = run(line).output.trimEnd().split("\n").slice(-10);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(curve.map(({ delta }) => String(short(delta))));
    expect(run(`account ${setting} --noise-multiplier 0 --curve`).output).toContain("infinite");
  });

  it("says null where there is no guarantee", () => {
    expect(JSON.parse(run(`account ${setting} --noise-multiplier 0 --json`).output)).toMatchObject({ epsilon: null });
    expect(run(`account ${setting} --noise-multiplier 0`).output).toContain("no guarantee");
  });

  it.each([
    ["--sampling-rate 1.5", "'--sampling-rate <q>' argument '1.5' is invalid. Allowed: a number in [0, 1]."],
    ["--sampling-rate x", "'--sampling-rate <q>' argument 'x' is invalid"],
    [
      "--noise-multiplier -1",
      "'--noise-multiplier <sigma>' argument '-1' is invalid. Allowed: a number in [0, 1000000000000000].",
    ],
    ["--steps 1.5", "'--steps <n>' argument '1.5' is invalid. Allowed: an integer ≥ 0."],
    ["--steps 0x10", "'--steps <n>' argument '0x10' is invalid"],
    ["--delta 0", "'--delta <delta>' argument '0' is invalid. Allowed: a number in (0, 1)."],
    ["--delta 1", "'--delta <delta>' argument '1' is invalid"],
    ["--accountant xyz", 'accountant must be one of prv, rdp, gdp, got "xyz"'],
  ])("refuses %s", (flag, message) => {
    const { output, error } = run(`account ${setting} --noise-multiplier 1 ${flag}`);
    expect(error).toContain(message);
    expect(output).toBe("");
  });

  it("names a flag that is missing", () => {
    expect(run("account --sampling-rate 0.1").error).toContain("'--noise-multiplier <sigma>' not specified");
  });
});

describe("hushgrad calibrate", () => {
  it("answers with JSON that account confirms", () => {
    const answer = JSON.parse(run(`calibrate ${setting} --epsilon 2 --json`).output) as { noiseMultiplier: number };
    expect(answer.noiseMultiplier).toBeCloseTo(0.8264, 3);
    const back = JSON.parse(run(`account ${setting} --noise-multiplier ${answer.noiseMultiplier} --json`).output) as {
      epsilon: number;
    };
    expect(back.epsilon).toBeLessThanOrEqual(2);
    expect(back.epsilon).toBeGreaterThan(1.999);
  });

  it("finds steps and sampling rate too", () => {
    const given = "--delta 1e-5 --epsilon 2 --noise-multiplier 1.1 --accountant rdp --json";
    const { steps } = JSON.parse(run(`calibrate ${given} --sampling-rate 0.004`).output) as { steps: number };
    expect(steps).toBeGreaterThan(3750);
    const back = JSON.parse(run(`calibrate ${given} --steps ${steps}`).output) as Record<string, number>;
    expect(back.samplingRate).toBeGreaterThanOrEqual(0.00399);
    expect(back.epsilon).toBeLessThanOrEqual(2);
    for (const wrong of ["--steps 10 --sampling-rate 0.1", "", "--steps 10 --noise-multiplier 1 --sampling-rate 0.1"]) {
      const flags = wrong === "" ? given : `${given} ${wrong}`;
      expect(run(`calibrate ${flags}`).error).toContain("give two of --sampling-rate, --noise-multiplier and --steps");
    }
  });

  it.each([
    ["--epsilon 0", "'--epsilon <epsilon>' argument '0' is invalid. Allowed: a number > 0."],
    ["--epsilon 2 --sampling-rate 0", "Allowed: a number in (0, 1]."],
    ["--epsilon 2 --steps 0", "Allowed: an integer ≥ 1."],
    ["--epsilon 2 --accountant gdp", "noise is calibrated with prv or rdp"],
  ])("refuses %s", (flag, message) => {
    expect(run(`calibrate ${setting} ${flag}`).error).toContain(message);
  });
});
