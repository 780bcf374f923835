import { expect, test } from "vitest";
import { type Contender, interleave, LEAST_ROUNDS } from "../../src/bench/interleave.js";

/** A contender that says what it took, and notes when it was asked. */
function fake(name: string, msOfRun: (run: number) => number, calls: string[] = []): Contender {
  let runs = 0;
  return {
    name,
    run: async (steps) => {
      calls.push(name);
      const ms = msOfRun(runs++);
      return Array.from({ length: steps }, () => ms);
    },
  };
}

const WARM_UP = 2;

test("all take turns, forwards and backwards", async () => {
  const calls: string[] = [];
  await interleave(
    ["a", "b", "c"].map((name) => fake(name, () => 1, calls)),
    { rounds: 2, slotMs: 1 },
  );
  expect(calls.join("")).toBe("aabbccabccba");
});

test("ratios hold although the machine becomes three times as slow", async () => {
  const drifting = (base: number) => (run: number) => base * (run < WARM_UP + 4 ? 1 : 3);
  const measured = await interleave([fake("none", drifting(10)), fake("auto", drifting(11))], { rounds: 9, slotMs: 1 });
  expect(measured.ratio("auto", "none")).toBeCloseTo(1.1, 12);
  expect(measured.rounds("none")).toHaveLength(9);
});

test("one disturbed round does not count", async () => {
  const disturbed = (run: number) => (run === WARM_UP + 1 ? 500 : 10);
  const measured = await interleave([fake("none", () => 10), fake("auto", disturbed)], { rounds: 5, slotMs: 1 });
  expect(measured.ratio("auto", "none")).toBe(1);
  expect(measured.ms("auto")).toBe(10);
});

test("a slot holds as many steps as fit, and its first, cold one is left out", async () => {
  const asked: number[] = [];
  const cold: Contender = {
    name: "cold",
    run: async (steps) => {
      asked.push(steps);
      return Array.from({ length: steps }, (_, i) => (i === 0 && steps > 1 ? 100 : 20));
    },
  };
  const measured = await interleave([cold], { rounds: 1, slotMs: 100 });
  expect(asked).toEqual([1, 1, 5]);
  expect(measured.ms("cold")).toBe(20);
});

test("a contender that fails is left out, and the others go on", async () => {
  const failing = fake("failing", (run) => {
    if (run > WARM_UP) throw new Error("out of memory");
    return 1;
  });
  const failures: string[] = [];
  const onFailure = ({ name }: Contender, { message }: Error) => failures.push(`${name}: ${message}`);
  const measured = await interleave([failing, fake("none", () => 1)], { rounds: 4, slotMs: 1 }, { onFailure });
  expect(failures).toEqual(["failing: out of memory"]);
  expect(measured.has("failing")).toBe(false);
  expect(measured.ratio("failing", "none")).toBeUndefined();
  expect(measured.rounds("none")).toHaveLength(4);
});

test("without a listener a failure ends the measurement", async () => {
  const failing: Contender = { name: "failing", run: () => Promise.reject(new Error("gone")) };
  await expect(interleave([failing], { rounds: 1, slotMs: 1 })).rejects.toThrow("gone");
});

test("no new round begins once time is up, but some always do", async () => {
  const slow: Contender = {
    name: "slow",
    run: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return [5];
    },
  };
  const measured = await interleave([slow], { rounds: 1000, slotMs: 1, budgetMs: 1 });
  expect(measured.rounds("slow")).toHaveLength(LEAST_ROUNDS);
});

test("a slow contender is warmed up once and takes part in a few rounds, and says so each time", async () => {
  const calls: string[] = [];
  const said: string[] = [];
  const contenders = [fake("quick", () => 1, calls), fake("slow", () => 30, calls)];
  const events = {
    onWarmUp: ({ name }: Contender) => said.push(name),
    onSlowTurn: ({ name }: Contender, stepMs: number) => said.push(`${name} ${stepMs}`),
  };
  const measured = await interleave(contenders, { rounds: 5, slotMs: 1, slowMs: 10 }, events);
  expect(measured.rounds("quick")).toHaveLength(5);
  expect(measured.rounds("slow")).toHaveLength(LEAST_ROUNDS);
  expect(measured.ratio("slow", "quick")).toBe(30);
  expect(calls.filter((name) => name === "slow")).toHaveLength(1 + LEAST_ROUNDS);
  expect(said).toEqual(["quick", "slow", ...Array.from({ length: LEAST_ROUNDS }, () => "slow 30")]);
});

test("rounds end with the last contender that has any left", async () => {
  const calls: string[] = [];
  await interleave([fake("slow", () => 30, calls)], { rounds: 9, slotMs: 1, slowMs: 10 });
  expect(calls).toHaveLength(1 + LEAST_ROUNDS);
});
