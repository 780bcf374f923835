import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { register as registerAccount } from "../../src/cli/account.js";
import { register as registerCalibrate } from "../../src/cli/calibrate.js";
import { short } from "../../src/cli/format.js";
import type { MechanismSteps } from "../../src/privacy/mechanism.js";
import { normalBelow } from "../../src/privacy/normal.js";
import { PrvAccountant } from "../../src/privacy/prv.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";
import { selectionEpsilon } from "../../src/privacy/selection.js";
import { inProcess } from "../cli/command.js";

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

  it("tells a lower bound only of samplers that do all that they are accounted as", () => {
    const answer = (flags: string) =>
      JSON.parse(
        run(`account --noise-multiplier 1 --sampling-rate 0.01 --delta 1e-5 --json ${flags}`).output,
      ) as object;
    expect(answer("--sampler ballsInBins --steps 200")).toHaveProperty("epsilonLower");
    expect(answer("--sampler ballsInBins --steps 201")).not.toHaveProperty("epsilonLower");
    expect(answer("--sampler cyclicPoisson --blocks 10 --steps 20")).toHaveProperty("epsilonLower");
    expect(answer("--sampler cyclicPoisson --blocks 10 --steps 25")).not.toHaveProperty("epsilonLower");
    expect(answer("--sampler shuffle --examples 1000 --steps 200")).not.toHaveProperty("epsilonLower");
    expect(answer("--sampler bMinSep --separation 3 --steps 200")).not.toHaveProperty("epsilonLower");
  });

  it("answers with a line, rounded up", () => {
    expect(run(`account ${setting} --noise-multiplier 1.1 --accountant rdp`).output).toBe(
      "ε = 1.24022 at δ = 1e-5 (rdp, an upper bound, order 12; q = 0.004, σ = 1.1, 3750 steps, add/remove)\n",
    );
    expect(run(`account ${setting} --noise-multiplier 1.1 --accountant gdp`).output).toContain("may under-report");
  });

  it("composes the mechanisms of a file, under one relation", () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-account-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "runs.json");
    const train = { samplingRate: 0.01, noiseMultiplier: 1.2, steps: 500 };
    const finer = { samplingRate: 0.02, noiseMultiplier: 2, steps: 200 };
    writeFileSync(
      path,
      JSON.stringify({
        mechanisms: [{ name: "first", ...train }, finer, { name: "private evaluation", noiseMultiplier: 12 }],
      }),
    );
    const evaluation = { samplingRate: 1, noiseMultiplier: 12, steps: 1 };
    const json = JSON.parse(run(`account --compose ${path} --delta 1e-5 --json`).output) as Record<string, unknown>;
    expect(json).toMatchObject({
      epsilon: new PrvAccountant().epsilonWith([train, finer, evaluation], 1e-5),
      mechanisms: [train, finer, evaluation],
      relation: "add/remove",
    });
    const replaced = [train, finer, evaluation].map((row) => ({ ...row, relation: "replace-one" as const }));
    const weaker = JSON.parse(run(`account --compose ${path} --delta 1e-5 --relation replace-one --json`).output);
    expect(weaker).toMatchObject({ epsilon: new PrvAccountant().epsilonWith(replaced, 1e-5), mechanisms: replaced });
    expect(run(`account --compose ${path} --delta 1e-5`).output).toContain("3 mechanisms, 701 steps, add/remove");

    writeFileSync(path, JSON.stringify({ mechanisms: [{ noiseMultiplier: -1 }] }));
    expect(run(`account --compose ${path} --delta 1e-5`).error).toContain(
      "mechanisms.0.noiseMultiplier: got -1; allowed",
    );
    writeFileSync(path, JSON.stringify({ mechanisms: [{ noiseMultiplier: 1, rate: 1 }] }));
    expect(run(`account --compose ${path} --delta 1e-5`).error).toContain("unknown key 'rate'");
    writeFileSync(path, "{");
    expect(run(`account --compose ${path} --delta 1e-5`).error).toContain(path);
    expect(run(`account --compose ${path} --steps 3 --delta 1e-5`).error).toContain("or --compose FILE instead");
    expect(run("account --steps 3 --delta 1e-5").error).toContain(
      "give --sampling-rate, --noise-multiplier and --steps",
    );
  });

  it("composes all that a row of a ledger or of privacy.json holds, under a relation that all are proved under", () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-account-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "runs.json");
    const plain = { samplingRate: 0.1, noiseMultiplier: 8, steps: 100 };
    const compose = (rows: readonly object[], flags = "") => {
      writeFileSync(path, JSON.stringify({ mechanisms: rows }));
      const { output, error } = run(`account --compose ${path} --delta 1e-5 --json${flags}`);
      return error || (JSON.parse(output) as Record<string, unknown>);
    };
    const rows: MechanismSteps[] = [
      { ...plain, sample: "fixed-size", discreteCoordinates: 1000 },
      { ...plain, failure: 1e-12 },
      { ...plain, samplingRate: 1, bins: 10, steps: 10 },
    ];
    const epsilon = new PrvAccountant().epsilonWith(rows, 1e-5);
    expect(compose(rows)).toMatchObject({ epsilon, mechanisms: rows, relation: "zero-out" });
    expect(compose(rows, " --relation zero-out")).toMatchObject({ epsilon });
    expect(compose(rows.slice(2))).toMatchObject({ relation: "add/remove" });
    expect(compose(rows, " --relation add/remove")).toContain(
      `--relation add/remove: allowed with ${path}, by its mechanisms.0: zero-out, replace-one`,
    );
    const replaced = { ...plain, relation: "replace-one" as const };
    expect(compose([plain, replaced])).toMatchObject({ mechanisms: [replaced, replaced], relation: "replace-one" });
    expect(compose([plain, replaced], " --relation zero-out")).toContain("by its mechanisms.1: replace-one");
    expect(compose([{ ...plain, discreteCoordinates: 0 }])).toContain(
      "mechanisms.0.discreteCoordinates: got 0; allowed",
    );
    expect(compose([{ ...plain, failure: 2 }])).toContain("mechanisms.0.failure: got 2; allowed");
    expect(compose([{ ...plain, relation: "swap" }])).toContain("mechanisms.0.relation: got");
  });

  it("says where discrete noise is why nothing is guaranteed", () => {
    const line = "account --sampling-rate 0.1 --noise-multiplier 1.2 --steps 20000 --delta 1e-5";
    const { epsilon } = JSON.parse(run(`${line} --json`).output) as { epsilon: number };
    const text = run(`${line} --discrete 26010`).output;
    expect(text).toContain("no guarantee: ε is infinite at δ = 1e-5 (");
    expect(text).toContain(`at the epsilon of continuous noise, ${epsilon.toPrecision(4)}. More noise, fewer steps`);
    const json = JSON.parse(run(`${line} --discrete 26010 --json`).output);
    expect(json).toMatchObject({ epsilon: null, noGuaranteeBecause: expect.stringContaining("discrete noise is ") });
    expect(run("account --sampling-rate 1 --noise-multiplier 0 --steps 1 --delta 1e-5 --discrete 9").output).toMatch(
      /\)\n$/,
    );
  });

  it("names the file that cannot be drawn, and makes no folders", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-account-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const draw = async (path: string) => {
      const line = `account --sampling-rate 1 --noise-multiplier 4 --steps 4 --delta 1e-5 --trade-off ${path}`;
      const { code, stderr } = await inProcess(line.split(" "));
      expect(code).toBe(1);
      return stderr;
    };
    const missing = join(folder, "missing", "f.svg");
    expect(await draw(missing)).toContain(`${missing}: cannot be written: there is no such folder; give a file in`);
    expect(await draw(folder)).toContain(`${folder}: cannot be written: it is a folder, not a file; give a file in`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("answers for the best of several runs", () => {
    const line = `account ${setting} --noise-multiplier 1.1 --json`;
    const one = { samplingRate: 0.004, noiseMultiplier: 1.1, steps: 3750 };
    const { epsilon, accountant, selection } = JSON.parse(run(`${line} --select geometric --runs 10`).output);
    expect({ epsilon, accountant, selection }).toEqual({
      epsilon: selectionEpsilon([one], { law: "geometric", mean: 10 }, 1e-5).epsilon,
      accountant: "rdp",
      selection: { law: "geometric", mean: 10 },
    });
    const all = JSON.parse(run(`${line} --select all --runs 10 --accountant rdp`).output);
    expect(all.epsilon).toBe(new RdpAccountant().epsilonAfter(one, 37_500, 1e-5));
    expect(run(`account ${setting} --noise-multiplier 1.1 --select poisson --runs 5`).output).toContain(
      "the best of 5 such runs (poisson)",
    );
    expect(run(`${line} --select geometric`).error).toContain("--select needs --runs");
    expect(run(`${line} --select all --runs 1.5`).error).toContain("--runs: a whole number with --select all, got 1.5");
    expect(run(`${line} --runs 3`).error).toContain("only with --select");
  });

  it("draws the trade-off function: below that of a Gaussian of the same steps, and not far below", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-account-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "f.svg");
    const line = `account --sampling-rate 1 --noise-multiplier 4 --steps 4 --delta 1e-5 --json --trade-off ${path}`;
    const { code, stdout } = await inProcess(line.split(" "));
    expect(code).toBe(0);
    const { tradeOff } = JSON.parse(stdout) as { tradeOff: { falsePositive: number; falseNegative: number }[] };
    expect(tradeOff.length).toBeGreaterThan(100);
    for (const { falsePositive, falseNegative } of tradeOff) {
      const exact = gaussianTradeOff(falsePositive, 0.5);
      expect(falseNegative).toBeLessThanOrEqual(exact + 1e-9);
      expect(falseNegative).toBeGreaterThan(exact - 0.03);
    }
    const svg = readFileSync(path, "utf8");
    expect(svg).toMatch(/^<svg /);
    expect(svg).not.toContain("var(--");
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
    expect(run("account --sampling-rate 0.1 --delta 1e-5").error).toContain(
      "give --sampling-rate, --noise-multiplier and",
    );
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

describe("samplers on the command line", () => {
  const json = (line: string) => {
    const { output, error } = run(`${line} --json`);
    expect(error).toBe("");
    return JSON.parse(output) as Record<"epsilon" | "samplingRate" | "noiseMultiplier" | "steps", number>;
  };
  const steps = "--sampling-rate 0.1 --noise-multiplier 4 --steps 95 --delta 1e-5";
  const accountants = { prv: PrvAccountant, rdp: RdpAccountant };
  const epsilonOf = (row: MechanismSteps, name: keyof typeof accountants = "prv") =>
    new accountants[name]().epsilonWith([row], 1e-5);

  it.each<[string, MechanismSteps]>([
    ["poisson", { samplingRate: 0.1, noiseMultiplier: 4, steps: 95 }],
    ["cyclicPoisson --blocks 5", { samplingRate: 0.5, noiseMultiplier: 4, steps: 19 }],
    ["bMinSep --separation 6", { samplingRate: 0.2, noiseMultiplier: 4, steps: 95 }],
    ["fixedSize --examples 1000", { samplingRate: 0.1, noiseMultiplier: 4, steps: 95, sample: "fixed-size" }],
    ["shuffle --examples 1000", { samplingRate: 1, noiseMultiplier: 4, steps: 10 }],
    ["ballsInBins", { samplingRate: 1, noiseMultiplier: 4, steps: 10, bins: 10 }],
    ["ballsInBins --relation replace-one", { samplingRate: 1, noiseMultiplier: 2, steps: 10 }],
    ["poisson --discrete 1000", { samplingRate: 0.1, noiseMultiplier: 4, steps: 95 }],
  ])("are accounted as the steps that they are: %s", (sampler, row) => {
    for (const name of ["prv", "rdp"] as const) {
      const { epsilon } = json(`account ${steps} --sampler ${sampler} --accountant ${name}`);
      expect(Math.abs(epsilon - epsilonOf(row, name))).toBeLessThan(1e-6);
      expect(epsilon).toBeGreaterThanOrEqual(epsilonOf(row, name) - 1e-9);
    }
  });

  it("pay for samples that are cut down, and for discrete noise", () => {
    const cut = json(`account ${steps} --sampler truncatedPoisson --examples 1000 --max-batch 170`);
    expect(cut).toMatchObject({ relation: "zero-out", sampling: { type: "truncatedPoisson", maxBatch: 170 } });
    expect(cut.epsilon).toBeGreaterThan(json(`account ${steps}`).epsilon);
    expect(json(`account ${steps} --sampler truncatedPoisson --examples 1000 --max-batch 100`).epsilon).toBeNull();
    const moments = `account ${steps} --accountant rdp`;
    expect(json(`${moments} --discrete 1e15`).epsilon).toBeGreaterThan(json(moments).epsilon);
  });

  it("name what they are, the relation that they are proved under, and the example's count", () => {
    expect(json(`account ${steps} --sampler shuffle --examples 1000`)).toMatchObject({
      sampling: { type: "shuffle" },
      accountedAs: expect.stringContaining("no amplification"),
      examples: 1000,
      relation: "zero-out",
    });
    expect(run(`account ${steps} --sampler fixedSize --examples 1000`).output).toContain(
      ", 95 steps, fixedSize, zero-out)",
    );
    expect(json(`account ${steps} --sampler fixedSize --examples 1000`)).not.toHaveProperty("epsilonLower");
  });

  it("come with a curve, a table and a trade-off function, as drawing and as JSON", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-account-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "f.svg");
    for (const sampler of [
      "fixedSize --examples 1000",
      "ballsInBins",
      "truncatedPoisson --examples 1000 --max-batch 250",
    ]) {
      const line = `account ${steps} --sampler ${sampler} --curve`;
      const { code, stdout } = await inProcess(`${line} --trade-off ${path} --json`.split(" "));
      expect(code).toBe(0);
      const { curve, tradeOff } = JSON.parse(stdout) as { curve: unknown[]; tradeOff: unknown[] };
      expect([curve.length, tradeOff.length > 100]).toEqual([10, true]);
      expect(readFileSync(path, "utf8")).toMatch(/^<svg /);
      expect(run(line).output).toMatch(/δ .*ε/);
    }
  });

  it("calibrate to what account confirms, and not far below", () => {
    const target = "--epsilon 2 --delta 1e-5 --accountant rdp";
    for (const sampler of [
      "truncatedPoisson --examples 1000 --max-batch 250",
      "cyclicPoisson --blocks 5",
      "bMinSep --separation 3",
      "fixedSize --examples 1000",
      "shuffle --examples 1000",
      "ballsInBins",
      "poisson --discrete 1000",
    ]) {
      const flags = `${target} --sampler ${sampler}`;
      const noise = json(`calibrate ${flags} --sampling-rate 0.1 --steps 95`);
      const most = json(`calibrate ${flags} --sampling-rate 0.1 --noise-multiplier 8`);
      for (const { noiseMultiplier, samplingRate, steps: taken, epsilon } of [noise, most]) {
        const rest = flags.replace("--epsilon 2 ", "");
        const line = `account ${rest} --sampling-rate ${samplingRate} --noise-multiplier ${noiseMultiplier} --steps ${taken}`;
        expect(json(line).epsilon).toBe(epsilon);
        expect(epsilon).toBeLessThanOrEqual(2);
        expect(epsilon).toBeGreaterThan(1.8);
      }
    }
  });

  it("calibrate their own sampling rate", () => {
    const target = "--epsilon 2 --delta 1e-5 --accountant rdp --noise-multiplier 16 --steps 200";
    for (const sampler of [
      "cyclicPoisson --blocks 5",
      "bMinSep --separation 3",
      "fixedSize --examples 1000",
      "shuffle --examples 1000",
      "ballsInBins",
      "truncatedPoisson --examples 1000 --max-batch 900",
    ]) {
      const { samplingRate, epsilon } = json(`calibrate ${target} --sampler ${sampler}`);
      expect(samplingRate).toBeGreaterThan(0.01);
      expect(epsilon).toBeLessThanOrEqual(2);
      // Whole cycles and whole batches leave a little.
      expect(epsilon).toBeGreaterThan(1.5);
    }
    expect(
      run(`calibrate ${target.replace("epsilon 2", "epsilon 0.01")} --sampler fixedSize --examples 10`).error,
    ).toContain("not even batches of 1 of 10 examples");
  });

  it("tell what was calibrated by whom and under which relation", () => {
    const line =
      "calibrate --epsilon 2 --delta 1e-5 --sampling-rate 0.1 --steps 95 --accountant rdp --sampler ballsInBins";
    expect(run(line).output).toMatch(
      /^σ = .* \(rdp, an upper bound; q = 0\.1, 95 steps, ballsInBins, add\/remove\)\n$/,
    );
  });

  it.each([
    ["--sampler shuffle", "--sampler shuffle needs --examples"],
    ["--sampler shuffle --examples 1001", "allowed: a whole number of examples"],
    [
      "--sampler shuffle --examples 1000 --relation add/remove",
      "allowed with --sampler shuffle: zero-out, replace-one",
    ],
    ["--sampler bMinSep", "separation"],
    ["--sampler bMinSep --separation 11", "sampling.separation: got 11; allowed: at most 10"],
    [
      "--sampler bMinSep --separation 2 --relation replace-one",
      "--relation replace-one: allowed with --sampler bMinSep",
    ],
    ["--blocks 3", "unknown key 'blocks'"],
    ["--sampler random", "Allowed choices are poisson"],
    ["--discrete 0", "Allowed: an integer ≥ 1"],
    ["--sampler ballsInBins --compose x.json", "instead of them and of a sampler"],
  ])("refuse %s", (flags, message) => {
    const { output, error } = run(`account ${steps} ${flags}`);
    expect(error).toContain(message);
    expect(output).toBe("");
  });
});

/** Φ(Φ⁻¹(1 − α) − μ) by bisection: Dong, Roth, Su 2022. */
function gaussianTradeOff(alpha: number, mu: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (normalBelow(-middle) > alpha) low = middle;
    else high = middle;
  }
  return normalBelow(low - mu);
}
