import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { damagedLine, type LedgerBody, LedgerError, parseLedger } from "../../src/privacy/ledger.js";
import { composeLedgers, spentOf, statusOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";
import { chain, end, reserve, resumed, row, settle, startOf } from "../training/ledgers.js";

const read = (...bodies: LedgerBody[]) => parseLedger(chain(...bodies), "ledger.jsonl");
const spent = (...bodies: LedgerBody[]) => countSteps(spentOf(read(startOf("1"), ...bodies)));

describe("a ledger", () => {
  it("counts what was reserved, and less only where its own process settled", () => {
    expect(spent()).toBe(0);
    expect(spent(reserve(10), reserve(5))).toBe(15);
    expect(spent(reserve(10), reserve(5), settle(12), end("interrupted"))).toBe(12);
    expect(spent(reserve(10), settle(0), end("interrupted"))).toBe(0);
    expect(spent(reserve(10), resumed("0"), reserve(5), settle(0), end("interrupted"))).toBe(10);
    expect(spent(reserve(10), settle(4), end("interrupted"), resumed("0"), reserve(5))).toBe(9);
  });

  it("keeps the noise of what was taken", () => {
    const ledger = read(startOf("1"), reserve(10, 2), reserve(5, 3), settle(12), end("finished"));
    expect(spentOf(ledger)).toEqual([row(10, 2), row(2, 3)]);
    expect(statusOf(ledger)).toBe("finished");
  });

  it.each<[string, LedgerBody[], RegExp]>([
    ["no start", [reserve(1)], /line 1 is a 'reserve' out of place/],
    ["two starts", [startOf("1"), startOf("1")], /line 2 is a 'start' out of place/],
    [
      "steps after the end",
      [startOf("1"), end("interrupted"), reserve(1)],
      /line 3 is a 'reserve' after the run's end/,
    ],
    [
      "a resumed finished run",
      [startOf("1"), end("finished"), resumed("0")],
      /line 3 is a 'resume' after the run's end/,
    ],
    ["too much settled", [startOf("1"), reserve(3), settle(4)], /line 3 settles 4 steps where 3 are reserved/],
    [
      "what another process reserved settled",
      [startOf("1"), reserve(3), resumed("0"), settle(1)],
      /line 4 settles 1 steps where 0 are reserved/,
    ],
    ["more than the largest reservation", [startOf("1"), reserve(21)], /line 2 reserves more than 20 steps/],
    ["a field too many", [{ ...startOf("1"), extra: 1 } as unknown as LedgerBody], /line 1 is no entry of a ledger/],
    ["a newer format", [{ ...startOf("1"), format: 2 } as unknown as LedgerBody], /line 1 is of format 2, which this/],
    ["negative steps", [startOf("1"), reserve(-1)], /line 2 is no entry of a ledger \(mechanisms: 0: steps: /],
  ])("refuses %s", (_, bodies, message) => {
    expect(() => read(...bodies)).toThrow(LedgerError);
    expect(() => read(...bodies)).toThrow(message);
  });

  it("is refused, or counts no less, whatever single byte is changed and wherever it is cut", () => {
    const text = chain(startOf("1"), reserve(10), reserve(7), settle(17), end("interrupted"), resumed("0"), reserve(3));
    const truth = 20;
    const counted = (changed: string): number => {
      try {
        return countSteps(spentOf(parseLedger(changed, "ledger.jsonl")));
      } catch (error) {
        expect(error).toBeInstanceOf(LedgerError);
        return Number.POSITIVE_INFINITY;
      }
    };
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), (at, bits) => {
        const changed = String.fromCharCode(text.charCodeAt(at) ^ bits);
        expect(counted(text.slice(0, at) + changed + text.slice(at + 1))).toBeGreaterThanOrEqual(truth);
      }),
      { numRuns: 2000 },
    );
    const last = text.slice(0, -1).lastIndexOf("\n") + 1;
    for (let length = last + 1; length < text.length; length++) {
      expect(counted(text.slice(0, length))).toBe(17 + 20); // the last line: as the largest reservation
    }
    expect(counted(`${text}\0\0\0\0`)).toBe(truth + 20);
  });

  it("is refused, or counts no less, where its end is overwritten: one long line may have been several", () => {
    const text = chain(startOf("1"), ...Array.from({ length: 12 }, () => reserve(20)));
    const starts = [...text.matchAll(/\n/g)].map(({ index }) => index + 1);
    for (let from = (starts[0] as number) + 1; from < text.length; from += 7) {
      const zeroed = text.slice(0, from) + "\0".repeat(text.length - from);
      expect(countSteps(spentOf(parseLedger(zeroed, "l")))).toBeGreaterThanOrEqual(240);
    }
    const merged = (line: number) => {
      const at = (starts[line] as number) - 1;
      return `${text.slice(0, at)} ${text.slice(at + 1)}`;
    };
    expect(countSteps(spentOf(parseLedger(merged(11), "l")))).toBe(240);
    expect(() => parseLedger(merged(10), "l")).toThrow(/line 11 is damaged/);
  });

  it("counts a damaged last line at the smallest noise of the plan", () => {
    const text = chain(startOf("1"), reserve(10));
    expect(spentOf(parseLedger(`${text}{"seq`, "l"))).toEqual([row(10), row(20, 0.5)]);
  });
});

describe("branches", () => {
  const prefix = [startOf("1"), reserve(20), reserve(20), settle(30), end("interrupted"), resumed("0"), reserve(15)];

  it("share what they begin with, once, and add what each did", () => {
    const a = read(...prefix, resumed("a"), reserve(7, 2), settle(5), end("finished"));
    const b = read(...prefix, resumed("b"), reserve(9, 3));
    const { ledgers, mechanisms, steps } = composeLedgers([a, b]);
    expect(mechanisms).toEqual([row(45), row(5, 2), row(9, 3)]);
    expect(steps).toBe(59);
    expect(ledgers.map(({ steps, shared, unsettled }) => [steps, shared, unsettled])).toEqual([
      [50, 45, 15],
      [54, 45, 24],
    ]);
    const accountant = new RdpAccountant();
    for (const taken of mechanisms) accountant.step(taken, taken.steps);
    const both = new RdpAccountant();
    both.step(row(1), 45);
    both.step(row(1, 2), 5);
    both.step(row(1, 3), 9);
    expect(accountant.epsilon(1e-5)).toBe(both.epsilon(1e-5));
  });

  it("count a shared reservation whole where one of them was copied before it was settled", () => {
    const settled = read(startOf("1"), reserve(20), settle(3), end("interrupted"));
    const copied = read(startOf("1"), reserve(20), resumed("0"), reserve(4));
    expect(composeLedgers([settled, copied]).mechanisms).toEqual([row(24)]);
    expect(composeLedgers([settled]).steps).toBe(3);
    expect(composeLedgers([settled, settled]).steps).toBe(3);
  });

  it("of one torn line count it once, of two both", () => {
    const text = chain(startOf("1"), reserve(5));
    const torn = (tail: string) => parseLedger(text + tail, "l");
    expect(composeLedgers([torn("{"), torn("{")]).steps).toBe(25);
    expect(composeLedgers([torn("{"), torn('{"')]).steps).toBe(45);
    const replaced = (process: string) =>
      read(
        startOf("1"),
        reserve(5),
        { ...resumed(process), damaged: damagedLine(torn("{")) } as LedgerBody,
        reserve(2),
      );
    expect(composeLedgers([replaced("a"), replaced("b")]).steps).toBe(29);
    expect(composeLedgers([replaced("a"), torn("{")]).steps).toBe(27);
  });

  it("are told from other runs of the same configuration, which add up", () => {
    const one = read(startOf("1"), reserve(5), settle(5), end("finished"));
    const two = read(startOf("2"), reserve(5), settle(5), end("finished"));
    const { steps, ledgers } = composeLedgers([one, two]);
    expect(steps).toBe(10);
    expect(ledgers.map(({ shared }) => shared)).toEqual([0, 0]);
  });

  it("claim the weaker relation and unit, and no privacy with a seed among them", () => {
    const ledger = (run: string, changes: object) => read(startOf(run, changes));
    const strong = ledger("1", { unit: "user" });
    expect(composeLedgers([strong])).toMatchObject({ relation: "add/remove", unit: "user", notPrivateBecause: [] });
    const weak = ledger("2", { relation: "zero-out", seeded: true });
    expect(composeLedgers([strong, weak])).toMatchObject({
      relation: "zero-out",
      unit: "example",
      notPrivateBecause: ["ledger.jsonl is seeded: not private"],
    });
    expect(() => composeLedgers([])).toThrow(/at least one ledger/);
  });

  it("count all steps under the weakest relation", () => {
    const strong = read(startOf("1"), reserve(5));
    const weak = read(startOf("2", { relation: "replace-one" }), {
      ...(reserve(5) as LedgerBody & { kind: "reserve" }),
      mechanisms: [{ ...row(5), relation: "replace-one" }],
    });
    const { relation, mechanisms, ledgers } = composeLedgers([strong, weak]);
    expect(relation).toBe("replace-one");
    expect(mechanisms).toEqual([{ samplingRate: 0.1, noiseMultiplier: 1, relation: "replace-one", steps: 10 }]);
    expect(ledgers.map((share) => share.mechanisms[0]?.relation)).toEqual([undefined, "replace-one"]);
  });

  it("cost what each costs alone, less what they share, in whatever way they grew", () => {
    /** Processes: what each reserved, and which share of it it said at its end that it took; null: killed. */
    const life = fc.tuple(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 4 }), fc.option(fc.nat(4)));
    const lives = fc.array(life, { maxLength: 3 });
    const bodies = (history: readonly (readonly [number[], number | null])[], process: string): LedgerBody[] =>
      history.flatMap(([reserved, quarters]) => [
        resumed(process),
        ...reserved.map((steps) => reserve(steps)),
        ...(quarters === null ? [] : [settle(Math.floor((sum(reserved) * quarters) / 4)), end("interrupted")]),
      ]);
    fc.assert(
      fc.property(lives, lives, lives, (before, a, b) => {
        const shared = [startOf("1"), ...bodies(before, "0")];
        const branches = [read(...shared, ...bodies(a, "a")), read(...shared, ...bodies(b, "b"))];
        const [inA, inB, common] = [...branches, read(...shared)].map((ledger) => countSteps(spentOf(ledger)));
        expect(composeLedgers(branches).steps).toBe((inA as number) + (inB as number) - (common as number));
      }),
    );
  });
});

const sum = (numbers: readonly number[]) => numbers.reduce((total, next) => total + next, 0);
