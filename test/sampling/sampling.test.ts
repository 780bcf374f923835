/** What samplers draw, and that it is what they are accounted as. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { type CyclicSteps, charged, cycleFrom } from "../../src/privacy/cycle.js";
import { stepRows } from "../../src/privacy/ledger.js";
import { costOf, stepsBetween } from "../../src/privacy/ledger-rows.js";
import { RandomKeys } from "../../src/privacy/random.js";
import { selectionEpsilon } from "../../src/privacy/selection.js";
import { makeSampling, type SamplingConfig, samplerNames, samplingType } from "../../src/sampling/index.js";

const random = () => new RandomKeys(5).stream("sampling");

/** The first `steps` batches, copied. */
function batches(config: SamplingConfig, examples: number, samplingRate: number, steps: number): number[][] {
  const drawn = makeSampling(config, { examples, samplingRate }).draw(random());
  return Array.from({ length: steps }, () => [...(drawn.next().value as Uint32Array)]);
}

const all: readonly SamplingConfig[] = [
  { type: "poisson" },
  { type: "truncatedPoisson", maxBatch: 30 },
  { type: "cyclicPoisson", blocks: 7 },
  { type: "bMinSep", separation: 4 },
  { type: "fixedSize" },
  { type: "shuffle" },
  { type: "ballsInBins" },
];

describe("every sampler", () => {
  it("is in this table", () => {
    expect(all.map(({ type }) => type)).toEqual(samplerNames);
  });

  it.each(all)("draws examples that are there, each once, ascending: $type", (config) => {
    for (const batch of batches(config, 200, 0.1, 50)) {
      expect(batch).toEqual([...new Set(batch)].sort((a, b) => a - b));
      for (const index of batch) expect(index < 200).toBe(true);
    }
  });

  it.each(all)("takes each example in a share q of the batches: $type", (config) => {
    const steps = 6000;
    const counts = new Float64Array(40);
    for (const batch of batches(config, 40, 0.1, steps))
      for (const index of batch) counts[index] = (counts[index] as number) + 1;
    // Within 6 deviations of Poisson sampling, the widest of them; the cap of truncatedPoisson is never met here.
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(6 * Math.sqrt(540));
  });
});

describe("what samplers promise", () => {
  it("truncatedPoisson: no batch above the cap, with a chance of more that the binomial tail confirms", () => {
    const sizes = batches({ type: "truncatedPoisson", maxBatch: 12 }, 100, 0.1, 2000).map((batch) => batch.length);
    expect(Math.max(...sizes)).toBe(12);
    const failure = (maxBatch: number, examples = 1000, samplingRate = 0.1) =>
      makeSampling({ type: "truncatedPoisson", maxBatch }, { examples, samplingRate }).mechanism.failure as number;
    for (const cap of [101, 120, 150, 200, 300, 999]) {
      expect(failure(cap)).toBeGreaterThanOrEqual(binomialTail(1000, 0.1, cap));
      expect(failure(cap)).toBeLessThanOrEqual(1);
    }
    // Chernoff's bound is not far off: of 1e-14, less than two orders of magnitude.
    expect(failure(180)).toBeLessThan(100 * binomialTail(1000, 0.1, 180));
    expect(failure(1000)).toBe(0);
    expect(failure(50)).toBe(1);
  });

  it("cyclicPoisson: batches stay in their block", () => {
    for (const [step, batch] of batches({ type: "cyclicPoisson", blocks: 7 }, 200, 0.1, 70).entries()) {
      for (const index of batch) expect(index % 7).toBe(step % 7);
    }
  });

  it("bMinSep: an example that came stays away", () => {
    const last = new Map<number, number>();
    for (const [step, batch] of batches({ type: "bMinSep", separation: 4 }, 200, 0.1, 400).entries()) {
      for (const index of batch) {
        expect(step - (last.get(index) ?? -9)).toBeGreaterThanOrEqual(4);
        last.set(index, step);
      }
    }
  });

  it("fixedSize: batches of one size", () => {
    expect(new Set(batches({ type: "fixedSize" }, 200, 0.1, 50).map((batch) => batch.length))).toEqual(new Set([20]));
  });

  it.each([
    [{ type: "shuffle" } as const, 205, 10],
    [{ type: "ballsInBins" } as const, 205, 10],
    [{ type: "cyclicPoisson", blocks: 10 } as const, 205, 10],
  ])("an example comes at most once a cycle: %o", (config, examples, cycle) => {
    const samplingRate = config.type === "shuffle" ? 20 / 205 : 0.1;
    const drawn = batches(config, examples, samplingRate, 5 * cycle);
    expect(makeSampling(config, { examples, samplingRate }).mechanism.cycle).toBe(cycle);
    for (let from = 0; from < drawn.length; from += cycle) {
      const seen = drawn.slice(from, from + cycle).flat();
      expect(new Set(seen).size).toBe(seen.length);
      if (config.type === "ballsInBins") expect(seen).toHaveLength(examples);
    }
  });

  it("are refused where the numbers do not fit", () => {
    const setting = { examples: 205, samplingRate: 0.1 };
    expect(() => makeSampling({ type: "fixedSize" }, setting)).toThrow("batchSize: got 20.5; allowed: a whole number");
    expect(() => makeSampling({ type: "cyclicPoisson", blocks: 11 }, setting)).toThrow(
      "sampling.blocks: got 11; allowed: at most 10",
    );
    expect(() => makeSampling({ type: "bMinSep", separation: 11 }, setting)).toThrow("sampling.separation: got 11");
  });
});

describe("what samplers cost", () => {
  const epsilon = (config: SamplingConfig, steps: number) => {
    const { mechanism } = makeSampling(config, { examples: 1000, samplingRate: 0.02 });
    return makeAccountant("rdp").epsilonWith([{ ...mechanism, noiseMultiplier: 2, steps }], 1e-5);
  };

  it("is never less than Poisson sampling for those that see an example as often", () => {
    const poisson = epsilon({ type: "poisson" }, 500);
    for (const config of all.slice(1)) {
      expect(
        epsilon(config.type === "truncatedPoisson" ? { ...config, maxBatch: 90 } : config, 500),
      ).toBeGreaterThanOrEqual(poisson);
    }
  });

  it("of shuffled data is that of as many steps on all of it as there are cycles, begun ones included", () => {
    const whole = (steps: number) =>
      makeAccountant("rdp").epsilonAfter({ samplingRate: 1, noiseMultiplier: 2 }, steps, 1e-5);
    expect(epsilon({ type: "shuffle" }, 500)).toBe(whole(10));
    expect(epsilon({ type: "shuffle" }, 501)).toBe(whole(11));
    expect(epsilon({ type: "ballsInBins" }, 1)).toBe(whole(1));
  });

  it("is claimed under relations that it is proved for", () => {
    const claimed = Object.fromEntries(samplerNames.map((name) => [name, samplingType(name).relations]));
    for (const name of ["truncatedPoisson", "cyclicPoisson", "fixedSize", "shuffle"])
      expect(claimed[name]).not.toContain("add/remove");
    expect(claimed.bMinSep).not.toContain("replace-one");
    expect(claimed.poisson).toHaveLength(3);
  });
});

describe("cycles", () => {
  const row = { samplingRate: 1, noiseMultiplier: 2, cycle: 5, steps: 23 };

  it("are charged once each, wherever rows are cut", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(40), fc.nat(40), fc.nat(8), (cycle, first, second, phase) => {
        const whole = { ...row, cycle, phase: phase % cycle, steps: first + second };
        const cuts = [...stepsBetween([whole], 0, first), ...stepsBetween([whole], first, first + second)];
        const sorted = (rows: typeof cuts) => [...costOf(rows)].sort((a, b) => a.samplingRate - b.samplingRate);
        expect(sorted(cuts)).toEqual(sorted([whole]));
        const paid = Array.from({ length: whole.steps }, (_, i) => (whole.phase + i) % cycle === 0).filter(
          Boolean,
        ).length;
        const counted = costOf([whole]).find(({ samplingRate }) => samplingRate === 1)?.steps ?? 0;
        expect(counted).toBe(paid);
        expect(costOf([whole]).reduce((sum, { steps }) => sum + steps, 0)).toBe(whole.steps);
      }),
    );
  });

  it("of random allocation say of how many bins they are; ledgers of before, which do not, still count", () => {
    const bins = { ...row, cycle: 5, bins: 5 };
    expect(costOf(stepsBetween([bins], 0, 12))).toEqual([
      { samplingRate: 1, noiseMultiplier: 2, bins: 5, steps: 3 },
      { samplingRate: 0, noiseMultiplier: 2, steps: 9 },
    ]);
    expect(stepRows.parse([bins, row])).toEqual([bins, row]);
    expect(stepRows.safeParse([{ ...bins, samplingRate: 0.5 }]).success).toBe(false);
    expect(stepRows.safeParse([{ ...bins, sample: "fixed-size" }]).success).toBe(false);
    expect(stepRows.safeParse([{ ...bins, bins: 50 }]).success).toBe(false);
    expect(() => charged({ ...bins, bins: 50 })).toThrow("bins: got 50 in a cycle of 5 steps; allowed: as many as");
    const epsilonOf = (rows: CyclicSteps[]) => makeAccountant().epsilonWith(rows, 1e-5);
    expect(epsilonOf([bins])).toBeLessThan(0.8 * epsilonOf([row]));
    // A run that went on in a newer version: both kinds of rows.
    const mixed = epsilonOf([
      { ...row, steps: 10 },
      { ...bins, steps: 13 },
    ]);
    expect(mixed).toBeGreaterThan(epsilonOf([bins]));
    expect(mixed).toBeLessThan(epsilonOf([row]));
  });

  it("begin anew with a process that goes on", () => {
    const [rest] = stepsBetween(cycleFrom([row], 7), 7, 23);
    expect(charged(rest as typeof row)).toEqual([
      { samplingRate: 1, noiseMultiplier: 2, steps: 4 },
      { samplingRate: 0, noiseMultiplier: 2, steps: 12 },
    ]);
  });
});

/** P[Bin(n, q) > most]. */
function binomialTail(n: number, q: number, most: number): number {
  let log = n * Math.log1p(-q);
  let tail = 0;
  for (let k = 1; k <= n; k++) {
    log += Math.log((n - k + 1) / k) + Math.log(q) - Math.log1p(-q);
    if (k > most) tail += Math.exp(log);
  }
  return tail;
}

describe("refusals", () => {
  // Blocks that are no whole number would overlap, and an example come twice a cycle.
  it.each([
    [{ type: "cyclicPoisson", blocks: 2.5 }, 0.1, /^sampling: blocks: got 2\.5/],
    [{ type: "bMinSep", separation: 0.5 }, 0.1, /^sampling: separation: got 0\.5/],
    [{ type: "poisson", maxBatch: 3 }, 0.1, /^sampling: unknown key 'maxBatch'/],
    [{ type: "none" }, 0.1, /^sampling: .*allowed: an object with "type" poisson/],
    [{ type: "ballsInBins" }, 0, /^samplingRate must be a number in \(0, 1\], got 0/],
    [{ type: "poisson" }, 1.5, /^samplingRate must be a number in \(0, 1\], got 1\.5/],
  ])("%o at rate %d", (config, samplingRate, message) => {
    expect(() => makeSampling(config as never, { examples: 100, samplingRate })).toThrow(message);
  });

  it.each([
    [{ cycle: Number.NaN }, /^cycle must be an integer ≥ 1, got NaN/],
    [{ cycle: Number.POSITIVE_INFINITY }, /^cycle must be/],
    [{ cycle: 10, phase: -1 }, /^phase must be an integer ≥ 0, got -1/],
    [{ cycle: 10, steps: Number.NaN }, /^steps must be/],
  ])("steps with %o cost something, or are refused", (wrong, message) => {
    const rows = [{ samplingRate: 0.1, noiseMultiplier: 1, steps: 100, ...wrong }];
    for (const name of ["prv", "rdp"]) expect(() => makeAccountant(name).epsilonWith(rows, 1e-5)).toThrow(message);
    expect(() => selectionEpsilon(rows, { law: "geometric", mean: 10 }, 1e-5)).toThrow(message);
  });
});
