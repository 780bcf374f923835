import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { groupEpsilon } from "../../src/privacy/group.js";
import type { MechanismSteps } from "../../src/privacy/mechanism.js";
import { privacyStatement } from "../../src/privacy/statement.js";
import type { PrivacyFacts } from "../../src/privacy/statement-facts.js";

const mechanism = { samplingRate: 0.01, noiseMultiplier: 1 };

function facts(change: Partial<PrivacyFacts> = {}, accountantName = "rdp", steps = 100): PrivacyFacts {
  const accountant = makeAccountant(accountantName);
  accountant.step(mechanism, steps);
  return {
    status: "finished",
    software: { name: "hushgrad", version: "1.2.3" },
    accountant,
    delta: 1e-5,
    stepsTaken: steps,
    clipping: { function: "abadi", style: "per-layer", threshold: 1, thresholds: [3, 4] },
    strategy: "auto",
    seeded: false,
    unit: "example",
    sampling: { sampler: "poisson", datasetSize: 1000, datasetSizeIsPublic: true, expectedBatchSize: 10 },
    ...change,
  };
}

describe("the privacy statement", () => {
  it("states ε and everything it rests on", () => {
    const given = facts({ targetEpsilon: 3 });
    const statement = privacyStatement(given);
    const epsilon = given.accountant.epsilon(1e-5);
    expect(statement).toMatchObject({
      private: true,
      notPrivateBecause: [],
      epsilon,
      delta: 1e-5,
      targetEpsilon: 3,
      unit: "example",
      relation: "add/remove",
      accountant: { name: "rdp", upperBound: true, order: given.accountant.report(1e-5).order },
      steps: { taken: 100, reserved: 100 },
      mechanisms: [{ ...mechanism, steps: 100 }],
      sampling: { sampler: "poisson", assumedByAccountant: "poisson", randomBits: 64, expectedBatchSize: 10 },
      clipping: { threshold: 1, sensitivity: 5 },
      software: { name: "hushgrad", version: "1.2.3" },
    });
    expect(statement.accountant.orders).toHaveLength(156);
    expect(statement.guarantee).toContain(
      `(${epsilon}, 0.00001)-differential privacy of each example under add/remove`,
    );
    expect(statement.outsideEpsilon).toEqual(
      expect.arrayContaining(["training loss and accuracy", "sampled batch sizes"]),
    );
    expect(JSON.parse(JSON.stringify(statement))).toEqual(statement);
  });

  it("counts reserved steps while a run is under way", () => {
    const statement = privacyStatement(facts({ status: "running", stepsTaken: 60 }));
    expect(statement.steps).toEqual({ taken: 60, reserved: 100 });
    expect(statement.epsilon).toBeGreaterThan(privacyStatement(facts({}, "rdp", 60)).epsilon as number);
    expect(statement.guarantee).toContain("reserved so far");
  });

  it("is zero-out where the data set's size was counted in the data", () => {
    const { sampling } = facts();
    const statement = privacyStatement(facts({ sampling: { ...sampling, datasetSizeIsPublic: false } }));
    expect(statement.relation).toBe("zero-out");
    expect(statement.relationMeaning).toContain("counted in the data");
  });

  it.each([
    [{ seeded: true }, "seeded: not private"],
    [{ strategy: "none" }, "strategy none: not private"],
    [
      { sampling: { ...facts().sampling, sampler: "own" as const } },
      "batches not drawn by the Poisson sampler: not private",
    ],
  ])("%j is not private", (change, reason) => {
    const statement = privacyStatement(facts(change));
    expect(statement.private).toBe(false);
    expect(statement.epsilon).toBeNull();
    expect(statement.notPrivateBecause).toEqual([reason]);
    expect(statement.guarantee).toBe(reason);
  });

  it("states what a group of examples loses beside one, and nothing where nothing is private", () => {
    const group = { name: "patient", size: 11 };
    const statement = privacyStatement(facts({ group }));
    expect(statement.group).toEqual({
      ...group,
      sizeMeaning: "no patient has more than 11 examples in the training data, as its owner declares",
      epsilon: groupEpsilon([{ ...mechanism, steps: 100 }], 11, 1e-5),
    });
    expect(statement.group?.epsilon).toBeGreaterThan(statement.epsilon as number);
    expect(privacyStatement(facts({ group, seeded: true })).group?.epsilon).toBeNull();
    expect(privacyStatement(facts())).not.toHaveProperty("group");
  });

  it("says why nothing is proved of a group", () => {
    const group = { name: "patient", size: 11 };
    const accountant = makeAccountant("rdp");
    accountant.step({ ...mechanism, discreteCoordinates: 26_010 }, 100);
    const epsilon = groupEpsilon([{ ...mechanism, steps: 100 }], 11, 1e-5);
    const within = privacyStatement(facts({ group, accountant })).group;
    expect(within?.epsilon).toBeGreaterThanOrEqual(epsilon);
    const beyond = privacyStatement(facts({ group: { ...group, size: 1000 }, accountant })).group;
    expect(beyond).toMatchObject({ epsilon: null, notProvenBecause: expect.stringContaining("discrete noise is ") });
    const replaced = makeAccountant("rdp");
    replaced.step({ ...mechanism, relation: "replace-one" }, 100);
    expect(privacyStatement(facts({ group, accountant: replaced })).group?.notProvenBecause).toContain("replace-one");
    expect(within).not.toHaveProperty("notProvenBecause");
  });

  it("says what a seeded run's ε would be", () => {
    const seeded = privacyStatement(facts({ seeded: true }));
    expect(seeded.epsilonIfNotSeeded).toBe(privacyStatement(facts()).epsilon);
    expect(privacyStatement(facts()).epsilonIfNotSeeded).toBeUndefined();
  });

  it("proves nothing without noise or with an approximate accountant", () => {
    const accountant = makeAccountant("rdp");
    accountant.step({ samplingRate: 0.01, noiseMultiplier: 0 });
    expect(privacyStatement(facts({ accountant, stepsTaken: 1 }))).toMatchObject({ private: false, epsilon: null });
    expect(privacyStatement(facts({}, "gdp"))).toMatchObject({ private: false, epsilon: null });
  });

  it("refuses facts that there are none of: a misspelt relation would count as the default", () => {
    const misspelt = { ...facts(), relations: "replace-one" };
    expect(() => privacyStatement(misspelt)).toThrow('facts: got the unknown key "relations"');
  });

  const sampling = facts().sampling;
  const of = (row: Partial<MechanismSteps>) => {
    const accountant = makeAccountant("rdp");
    accountant.step({ ...mechanism, ...row }, 100);
    return { accountant };
  };

  it("is of the relation that its steps were counted under", () => {
    const replaced = of({ relation: "replace-one" });
    const hidden = { ...sampling, datasetSizeIsPublic: false };
    expect(privacyStatement(facts(replaced)).relation).toBe("replace-one");
    expect(privacyStatement(facts({ relation: "zero-out" })).relation).toBe("zero-out");
    expect(privacyStatement(facts({ relation: "zero-out", sampling: hidden })).relation).toBe("zero-out");
    const fixed = { ...of({ sample: "fixed-size" }), sampling: { ...sampling, sampler: "fixedSize" } };
    expect(privacyStatement(facts(fixed)).relation).toBe("zero-out");
    const refused = (change: Partial<PrivacyFacts>) => expect(() => privacyStatement(facts(change)));
    refused({ relation: "replace-one" }).toThrow(
      "relation: got replace-one; allowed: add/remove, zero-out, under which",
    );
    refused({ ...replaced, relation: "zero-out" }).toThrow("relation: got zero-out; allowed: replace-one, under which");
    refused({ ...fixed, relation: "add/remove" }).toThrow("relation: got add/remove; allowed: zero-out, under which");
    replaced.accountant.step(mechanism);
    refused(replaced).toThrow("accountant: got steps of replace-one beside others; allowed: steps of one relation");
  });

  const whole = { sampler: "shuffle", datasetSize: 1000, datasetSizeIsPublic: false, expectedBatchSize: 100 };

  it.each([
    [{ sampling: { ...whole, sampler: "truncatedPoisson", expectedBatchSize: 10 } }],
    [{ sampling: { ...whole, sampler: "cyclicPoisson", expectedBatchSize: 2 } }],
    [{ sampling: { ...whole, sampler: "bMinSep", expectedBatchSize: 2 } }],
    [{ ...of({ sample: "fixed-size" }), sampling: { ...whole, sampler: "fixedSize", expectedBatchSize: 10 } }],
    [{ ...of({ samplingRate: 1 }), sampling: whole }],
    [{ ...of({ samplingRate: 1 }), sampling: { ...whole, sampler: "ballsInBins" } }],
    [{ ...of({ samplingRate: 1, bins: 10 }), sampling: { ...whole, sampler: "ballsInBins" } }],
  ])("takes a sampler whose steps the accountant has: %j", (change) => {
    expect(privacyStatement(facts(change)).relation).toBe("zero-out");
  });

  it.each<[Partial<PrivacyFacts>, string]>([
    [{ sampling: { ...sampling, sampler: "foo" } }, 'sampling.sampler: got "foo", expected one of poisson'],
    [
      { sampling: { ...sampling, sampler: "shuffle" } },
      "sampling.sampler: got shuffle; allowed: poisson, truncatedPoisson, cyclicPoisson, bMinSep beside steps of",
    ],
    [{ sampling: { ...sampling, sampler: "fixedSize" } }, "sampling.sampler: got fixedSize; allowed: poisson"],
    [of({ sample: "fixed-size" }), "sampling.sampler: got poisson; allowed: fixedSize beside steps of"],
    [
      { ...of({ samplingRate: 1, bins: 20 }), sampling: { ...whole, sampler: "ballsInBins" } },
      "sampling.sampler: got ballsInBins; allowed: none beside steps of",
    ],
    [{ sampling: { ...sampling, expectedBatchSize: 11 } }, "sampling.expectedBatchSize: got 11; allowed: 10, the"],
    [{ sampling: { ...sampling, datasetSize: 0 } }, "sampling.datasetSize must be an integer ≥ 1, got 0"],
    [
      { sampling: { ...sampling, datasetSize: 5 } },
      "sampling.expectedBatchSize: got 10; allowed: at most datasetSize, 5",
    ],
    [{ delta: 0.001 }, "delta: got 0.001; allowed: below 1/1000, one over the number of training examples"],
    [{ strategy: "fast" }, 'strategy: got "fast", expected one of auto'],
    [{ targetEpsilon: 0.1, status: "budget" }, "targetEpsilon: got 0.1; allowed: at least "],
    [{ groups: [{ name: "all", threshold: 5 }] }, "groups: got 1; allowed: 2, as clipping has them"],
    [
      { clipping: { function: "abadi", style: "flat", threshold: 1 }, groups: [{ name: "all", threshold: 2 }] },
      "groups: got thresholds of norm 2; allowed: thresholds of norm 1",
    ],
    [{ noiseMultipliers: [] }, "noiseMultipliers: got none; allowed: at least one number"],
  ])("refuses facts that contradict each other: %j", (change, message) => {
    expect(() => privacyStatement(facts(change))).toThrow(message);
  });

  it("refuses more steps than were counted", () => {
    expect(() => privacyStatement(facts({ stepsTaken: 101 }))).toThrow(
      "stepsTaken must be at most the 100 step(s) of the accountant, got 101",
    );
  });
});
