/** Sampling as a configuration asks for it: plans, relations, refusals. */
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/training/fingerprint.js";
import { planTraining } from "../../src/training/training-plan.js";
import { tinyConfig } from "./tiny.js";

const plan = (sampling: unknown, changes: Record<string, unknown> = {}, privacy: Record<string, unknown> = {}) =>
  planTraining(tinyConfig({ sampling, privacy: { noiseMultiplier: 2, delta: 1e-5, ...privacy }, ...changes }), 200);

describe("a plan's sampling", () => {
  it("is Poisson unless configured, and what the accountant is told is the sampler's own", () => {
    expect(plan(undefined).sampling.type).toBe("poisson");
    expect(plan({ type: "fixedSize" }).mechanisms).toEqual([
      { samplingRate: 0.1, noiseMultiplier: 2, sample: "fixed-size", steps: 30 },
    ]);
    expect(plan({ type: "shuffle" }).mechanisms).toEqual([
      { samplingRate: 1, noiseMultiplier: 2, cycle: 10, steps: 30 },
    ]);
    expect(plan({ type: "ballsInBins" }).mechanisms).toEqual([
      { samplingRate: 1, noiseMultiplier: 2, cycle: 10, bins: 10, steps: 30 },
    ]);
    expect(plan({ type: "bMinSep", separation: 5 }).mechanisms[0]?.samplingRate).toBeCloseTo(0.1 / 0.6, 12);
    expect(plan({ type: "poisson" }, {}, { relation: "replace-one" }).mechanisms[0]).toMatchObject({
      relation: "replace-one",
    });
  });

  it("lets a run go on that an earlier version began, which knew no bins", () => {
    const config = { sampling: { type: "ballsInBins" } } as never;
    const now = plan({ type: "ballsInBins" });
    const before = { ...now, mechanisms: now.mechanisms.map(({ bins, ...row }) => row) };
    expect(fingerprint(config, now)).toBe(fingerprint(config, before));
    const others = now.mechanisms.map((row) => ({ ...row, noiseMultiplier: 3 }));
    expect(fingerprint(config, now)).not.toBe(fingerprint(config, { ...now, mechanisms: others }));
  });

  it("claims the strongest relation that it is proved for, and refuses others", () => {
    const relationOf = (type: string, privacy = {}) => plan({ type }, {}, privacy).privacy?.relation;
    expect(relationOf("poisson", { datasetSize: 200 })).toBe("add/remove");
    expect(relationOf("shuffle", { datasetSize: 200 })).toBe("zero-out");
    expect(relationOf("shuffle", { relation: "replace-one" })).toBe("replace-one");
    expect(() => plan({ type: "shuffle" }, {}, { datasetSize: 200, relation: "add/remove" })).toThrow(
      "privacy.relation: got add/remove; allowed: zero-out, replace-one with sampling shuffle",
    );
    expect(() => plan({ type: "bMinSep", separation: 2 }, {}, { relation: "replace-one" })).toThrow(
      "privacy.relation: got replace-one; allowed: add/remove, zero-out with sampling bMinSep",
    );
  });

  it("is Poisson where a group is to be protected, of which nothing else is proved", () => {
    const group = { size: 3 };
    expect(plan({ type: "poisson" }, {}, { group }).mechanisms).toHaveLength(1);
    expect(() => plan({ type: "ballsInBins" }, {}, { group })).toThrow(/sampling: got .*poisson with privacy\.group/);
  });

  it("refuses what does not fit", () => {
    expect(() => plan({ type: "cyclicPoisson", blocks: 11 })).toThrow("sampling.blocks: got 11; allowed: at most 10");
    expect(() => plan({ type: "fixedSize" }, { samplingRate: 0.013 })).toThrow(
      "batchSize: got 2.6; allowed: a whole number",
    );
    expect(() => plan({ type: "truncatedPoisson", maxBatch: 25 })).toThrow(/sampling\.maxBatch: samples are larger/);
    expect(plan({ type: "truncatedPoisson", maxBatch: 70 }).mechanisms[0]?.failure).toBeLessThan(1e-12);
    expect(() => plan({ type: "sorted" })).toThrow(/sampling\.type|sampling: got/);
    expect(() => plan({ type: "shuffle" }, {}, { noiseSchedule: { type: "linear", final: 0.5 } })).toThrow(
      "privacy.noiseSchedule: allowed: none beside sampling shuffle",
    );
  });
});
