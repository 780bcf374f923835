import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import type { LedgerBody } from "../../src/privacy/ledger.js";
import { chain, end, reserve, resumed, row, settle, startOf } from "../training/ledgers.js";
import { temporaryFolder } from "../training/tiny.js";
import { inProcess } from "./command.js";

describe("hushgrad ledger", () => {
  let parent: string;
  beforeEach(() => {
    parent = temporaryFolder();
  });

  function folder(name: string, text: string): string {
    const path = join(parent, name);
    mkdirSync(path);
    writeFileSync(join(path, "ledger.jsonl"), text);
    return path;
  }

  const prefix: LedgerBody[] = [startOf("1"), reserve(20), settle(20), end("interrupted")];
  const branch = (name: string, ...own: LedgerBody[]) => folder(name, chain(...prefix, resumed(name), ...own));

  it("counts what branches share once, and what each did", async () => {
    const a = branch("a", reserve(10, 2), settle(8), end("finished"));
    const b = branch("b", reserve(5, 3));
    const { code, stdout } = await inProcess(["ledger", a, b, "--json"]);
    const mechanisms = [row(20, 1), row(8, 2), row(5, 3)];
    const epsilonOf = (name: string, delta: number) => makeAccountant(name).epsilonWith(mechanisms, delta);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout) as Record<string, unknown>;
    expect(answer).toMatchObject({
      epsilon: epsilonOf("prv", 1e-5),
      delta: 1e-5,
      accountant: "prv",
      upperBound: true,
      private: true,
      relation: "add/remove",
      unit: "example",
      steps: 33,
      assumes: expect.stringContaining("the same data"),
      ledgers: [
        { directory: a, status: "finished", steps: 28, shared: 20, unsettled: 0, damaged: false },
        { directory: b, status: "running", steps: 25, shared: 20, unsettled: 5, damaged: false },
      ],
    });
    const other = JSON.parse((await inProcess(["ledger", a, b, "--json", "--delta", "1e-6"])).stdout);
    expect(other.epsilon).toBe(epsilonOf("prv", 1e-6));
    const rdp = JSON.parse((await inProcess(["ledger", a, b, "--json", "--accountant", "rdp"])).stdout);
    expect(rdp).toMatchObject({ epsilon: epsilonOf("rdp", 1e-5), accountant: "rdp" });
  });

  it("goes by the accountants that the runs name, each for itself and all by the one that they share", async () => {
    const moments = folder("moments", chain(startOf("3", { accountant: "rdp" }), reserve(7)));
    const more = folder("more", chain(startOf("4", { accountant: "rdp" }), reserve(5)));
    const tight = folder("tight", chain(startOf("5", { accountant: "prv" }), reserve(3)));
    const epsilon = (name: string, steps: number) => makeAccountant(name).epsilonAfter(row(1), steps, 1e-5);
    const both = JSON.parse((await inProcess(["ledger", moments, more, "--json"])).stdout);
    expect(both).toMatchObject({ accountant: "rdp", epsilon: epsilon("rdp", 12) });
    const mixed = JSON.parse((await inProcess(["ledger", moments, tight, "--json"])).stdout);
    expect(mixed).toMatchObject({
      accountant: "prv",
      epsilon: epsilon("prv", 10),
      ledgers: [
        { accountant: "rdp", sampler: "poisson", epsilon: epsilon("rdp", 7) },
        { accountant: "prv", epsilon: epsilon("prv", 3) },
      ],
    });
    expect((await inProcess(["ledger", moments])).stdout).toContain("(rdp, an upper bound; 7 steps");
  });

  it("prints a table, ε rounded up, and what it rests on", async () => {
    const a = branch("a", reserve(10));
    const other = folder("other", chain(startOf("2", { relation: "zero-out" }), reserve(7)));
    const { code, stdout } = await inProcess(["ledger", a, other]);
    const epsilon = makeAccountant("prv").epsilonAfter(row(1), 37, 1e-5);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^folder +run +status +steps +shared +unsettled +ε alone\n─/);
    expect(stdout).toMatch(new RegExp(`\n${a} +11111111 +running +30 +0 +10 +\\d`));
    expect(stdout).toMatch(new RegExp(`\n${other} +22222222 +running +7 +0 +7 +\\d`));
    const shown =
      /Together: ε = (\d+\.\d+) at δ = 1e-5 \(prv, an upper bound; 37 steps, zero-out of one example\),\n/.exec(stdout);
    expect(Number(shown?.[1])).toBeGreaterThanOrEqual(epsilon);
    expect(Number(shown?.[1])).toBeLessThan(epsilon * 1.00001);
    expect(stdout).toContain("if all runs are about the same data, which a ledger cannot tell");
  });

  it("says that a damaged last line is counted as the largest reservation", async () => {
    const torn = folder("torn", `${chain(...prefix)}{"sequence":4,"prev`);
    const { code, stdout } = await inProcess(["ledger", torn]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/running +40 +0 +20 /);
    expect(stdout).toContain(`${torn}: the last line of ledger.jsonl is damaged, and counted as`);
  });

  it("reports no ε with a seed or without noise", async () => {
    const seeded = folder("seeded", chain(startOf("1", { seeded: true }), reserve(3)));
    expect((await inProcess(["ledger", seeded])).stdout).toContain(`Not private: ${seeded} is seeded: not private`);
    const json = JSON.parse((await inProcess(["ledger", seeded, "--json"])).stdout);
    expect(json).toMatchObject({ epsilon: null, private: false, epsilonIfNotSeeded: expect.any(Number) });
    // Where a sampler is not accounted for under the relation of all, secret randomness would not make it private.
    const replaced = folder("replaced", chain(startOf("3", { relation: "replace-one" }), reserve(3)));
    const apart = folder("apart", chain(startOf("4", { sampler: "bMinSep" }), reserve(3)));
    const mixed = JSON.parse((await inProcess(["ledger", seeded, replaced, apart, "--json"])).stdout);
    expect(mixed).toMatchObject({ epsilon: null, private: false, relation: "replace-one" });
    expect(mixed.notPrivateBecause).toHaveLength(2);
    expect(mixed).not.toHaveProperty("epsilonIfNotSeeded");
    const plain = folder("plain", chain(startOf("2", { delta: null, mechanisms: [row(99, 0)] }), reserve(3, 0)));
    expect(await inProcess(["ledger", plain])).toMatchObject({
      code: 1,
      stderr: "hushgrad: --delta must be given: no run among these has privacy, and so a δ of its own\n",
    });
    expect((await inProcess(["ledger", plain, "--delta", "1e-5"])).stdout).toContain("Together: ε is infinite");
    expect(JSON.parse((await inProcess(["ledger", plain, "--delta", "1e-5", "--json"])).stdout)).toMatchObject({
      epsilon: null,
      private: false,
      notPrivateBecause: ["steps that prove nothing: no noise, or δ does not pay for their failures"],
    });
  });

  it("names a folder without a ledger, and a line that is damaged", async () => {
    expect(await inProcess(["ledger", parent])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `hushgrad: ${parent} holds neither a run (there is no ledger.jsonl) nor a sweep, nor what a sweep selected; give the folder that --out named\n`,
    });
    const lost = folder("lost", chain(...prefix));
    rmSync(join(lost, "ledger.jsonl"));
    writeFileSync(join(lost, "privacy.json"), "{}");
    expect((await inProcess(["ledger", lost])).stderr).toContain("holds privacy.json but no ledger.jsonl");
    const damaged = folder("damaged", chain(...prefix).replace('"steps":20}', '"steps":2}'));
    const { code, stderr } = await inProcess(["ledger", damaged]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hushgrad: .*ledger\.jsonl: line \d is damaged: its SHA-256 is not that of its content; /);
    expect(await inProcess(["ledger"])).toMatchObject({ code: 2 });
  });
});
