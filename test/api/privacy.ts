/** Privacy: arguments that are taken. */
import * as api from "../../src/index.js";
import { parseLedger } from "../../src/privacy/ledger.js";
import { chain, reserve, startOf } from "../training/ledgers.js";
import type { PublicCall } from "./public-call.js";

const keys = () => new api.RandomKeys(7);
const stream = () => keys().stream("sampling");
const law = { law: "geometric", mean: 4 };
const mechanism = { samplingRate: 0.01, noiseMultiplier: 1 };
const steps = { ...mechanism, steps: 10 };
const clipping = { function: "abadi", style: "flat", threshold: 1 };

export const ofPrivacy: Record<string, PublicCall> = {
  PrivacyBudget: {
    values: () => ({ accountant: api.makeAccountant("rdp"), epsilon: 1, delta: 1e-5 }),
    takes: { epsilon: "1" },
  },
  PrivacyFilter: {
    values: () => ({ options: { epsilon: 1, delta: 1e-5, orders: [2] } }),
    takes: { "options.epsilon": "1", "options.orders": "undefined missing" },
  },
  PrivacyOdometer: {
    values: () => ({ options: { delta: 1e-5, orders: [2] } }),
    takes: { "options.orders": "undefined missing" },
  },
  "PrivacyBudget#take": {
    of: () => new api.PrivacyBudget(api.makeAccountant("rdp"), 100, 1e-5),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "PrivacyBudget#allows": {
    of: () => new api.PrivacyBudget(api.makeAccountant("rdp"), 100, 1e-5),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "PrivacyBudget#remainingSteps": {
    of: () => new api.PrivacyBudget(api.makeAccountant("rdp"), 100, 1e-5),
    values: () => ({ mechanism }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1" },
  },
  "PrivacyBudget#remainingOf": {
    of: () => new api.PrivacyBudget(api.makeAccountant("rdp"), 100, 1e-5),
    values: () => ({ upcoming: [steps] }),
    takes: {
      upcoming: "[]",
      "upcoming.0.samplingRate": "1",
      "upcoming.0.noiseMultiplier": "1",
      "upcoming.0.steps": "1",
    },
  },
  "PrivacyFilter#spend": {
    of: () => new api.PrivacyFilter({ epsilon: 1, delta: 1e-5 }),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "PrivacyFilter#allows": {
    of: () => new api.PrivacyFilter({ epsilon: 1, delta: 1e-5 }),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "PrivacyOdometer#spend": {
    of: () => new api.PrivacyOdometer({ delta: 1e-5 }),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "PrivacyOdometer#epsilonAfter": {
    of: () => new api.PrivacyOdometer({ delta: 1e-5 }),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "makeAccountant#step": {
    of: () => api.makeAccountant("rdp"),
    values: () => ({ mechanism, count: 1 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", count: "undefined 1" },
  },
  "makeAccountant#epsilon": { of: () => api.makeAccountant("rdp"), values: () => ({ delta: 1e-5 }) },
  "makeAccountant#epsilonAfter": {
    of: () => api.makeAccountant("rdp"),
    values: () => ({ mechanism, steps: 1, delta: 1e-5 }),
    takes: { "mechanism.samplingRate": "1", "mechanism.noiseMultiplier": "1", steps: "1" },
  },
  "makeAccountant#epsilonWith": {
    of: () => api.makeAccountant("rdp"),
    values: () => ({ more: [steps], delta: 1e-5 }),
    takes: { more: "[]", "more.0.samplingRate": "1", "more.0.noiseMultiplier": "1", "more.0.steps": "1" },
  },
  "RandomKeys#key": {
    of: keys,
    values: () => ({ purpose: "noise", index: 0, bytes: 32 }),
    takes: { purpose: "*", index: "undefined 1", bytes: "undefined 1" },
  },
  "RandomKeys#stream": {
    of: keys,
    values: () => ({ purpose: "noise", index: 0 }),
    takes: { purpose: "*", index: "undefined 1" },
  },
  "RandomKeys#withKey": {
    of: keys,
    values: () => ({ purpose: "noise", use: () => 1, index: 0, bytes: 32 }),
    takes: { purpose: "*", index: "undefined 1", bytes: "undefined 1" },
  },
  "RandomStream#fill": { of: stream, values: () => ({ words: new Uint32Array(3) }) },
  "RandomStream#bernoulli": { of: stream, values: () => ({ probability: 0.5 }), takes: { probability: "1" } },
  "RandomStream#integer": { of: stream, values: () => ({ bound: 5 }), takes: { bound: "1" } },
  RandomKeys: { values: () => ({ seed: 1 }), takes: { seed: "undefined 1" } },
  RandomStream: {
    values: () => ({ key: new Uint8Array(32), keystream: undefined }),
    takes: { keystream: "undefined" },
  },
  calibrateNoise: {
    values: () => ({
      target: { samplingRate: 0.01, steps: 10, epsilon: 1, delta: 1e-5, pieces: [{ factor: 1, steps: 10 }] },
      accountant: "rdp",
    }),
    takes: {
      "target.samplingRate": "1",
      "target.epsilon": "1",
      "target.pieces": "undefined missing",
      "target.pieces.0.factor": "1",
      accountant: "undefined",
    },
  },
  calibrateSampling: {
    values: () => ({
      sampling: { type: "poisson" },
      target: { examples: 8, noiseMultiplier: 1, steps: 10, epsilon: 1, delta: 1e-5, relation: "add/remove" },
      accountant: "rdp",
    }),
    takes: {
      "target.examples": "1",
      "target.noiseMultiplier": "1",
      "target.steps": "1",
      "target.epsilon": "1",
      accountant: "undefined",
    },
  },
  calibrateSamplingRate: {
    values: () => ({ target: { noiseMultiplier: 1, steps: 10, epsilon: 1, delta: 1e-5 }, accountant: "rdp" }),
    takes: { "target.noiseMultiplier": "1", "target.steps": "1", "target.epsilon": "1", accountant: "undefined" },
  },
  calibrateSteps: {
    values: () => ({ target: { noiseMultiplier: 1, samplingRate: 0.01, epsilon: 1, delta: 1e-5 }, accountant: "rdp" }),
    takes: {
      "target.noiseMultiplier": "1",
      "target.samplingRate": "1",
      "target.epsilon": "1",
      accountant: "undefined",
    },
  },
  composeLedgers: {
    values: () => ({ ledgers: [parseLedger(chain(startOf("a"), reserve(5)), "one")] }),
    takes: { "ledgers.0.**": "*" },
  },
  drawRuns: { values: () => ({ law }) },
  makeAccountant: { values: () => ({ accountant: "rdp" }), takes: { accountant: "undefined" } },
  makeCorrelation: {
    values: () => ({
      correlation: { type: "bandMF", bands: 2 },
      setting: { steps: 8, participation: { pattern: "cyclic", steps: 4 }, workload: api.prefixSums },
    }),
    takes: {
      "correlation.bands": "1",
      "setting.steps": "1",
      "setting.participation.steps": "1",
      "setting.workload.retention": "1",
    },
  },
  makeSampling: {
    values: () => ({ sampling: { type: "poisson" }, setting: { examples: 8, samplingRate: 0.5 } }),
    takes: { "setting.examples": "1", "setting.samplingRate": "1" },
  },
  privacyStatement: {
    values: () => ({
      facts: {
        status: "finished",
        software: { name: "a", version: "1" },
        accountant: api.makeAccountant("rdp"),
        delta: 1e-5,
        targetEpsilon: 1,
        stepsTaken: 0,
        clipping: { ...clipping, adaptive: { countNoise: 9 } },
        groups: [{ name: "all", threshold: 1 }],
        schedules: { threshold: null, noise: { type: "constant" } },
        noiseMultipliers: [2],
        maskFrom: "public",
        sparsification: { rate: 0.5 },
        compression: { type: "topK" },
        correlation: {
          type: "bandMF",
          method: "a",
          bands: 2,
          buffers: 2,
          noiseMultiplier: 2,
          participation: { pattern: "cyclic", steps: 2 },
          carried: false,
        },
        strategy: "auto",
        seeded: false,
        unit: "example",
        relation: "zero-out",
        group: { name: "b", size: 2 },
        sampling: {
          sampler: "poisson",
          accountedAs: "c",
          datasetSize: 8,
          datasetSizeIsPublic: true,
          expectedBatchSize: 4,
        },
        publicData: ["d"],
      },
    }),
    takes: {
      "facts.software.name": "text",
      "facts.software.version": "text",
      "facts.targetEpsilon": "undefined missing 1",
      "facts.clipping.threshold": "1",
      "facts.clipping.adaptive": "undefined missing",
      "facts.groups": "undefined missing",
      "facts.groups.0.name": "text",
      "facts.groups.0.threshold": "1",
      "facts.schedules": "undefined missing",
      "facts.schedules.threshold": "null {}",
      "facts.schedules.noise": "null {}",
      "facts.schedules.noise.**": "*",
      "facts.noiseMultipliers": "undefined missing",
      "facts.noiseMultipliers.0": "1",
      "facts.maskFrom": "undefined missing",
      "facts.sparsification": "undefined missing {}",
      "facts.sparsification.**": "*",
      "facts.compression": "undefined missing {}",
      "facts.compression.**": "*",
      "facts.correlation": "undefined missing",
      "facts.correlation.type": "text",
      "facts.correlation.method": "text",
      "facts.correlation.bands": "undefined missing 1",
      "facts.correlation.buffers": "undefined missing 1",
      "facts.correlation.noiseMultiplier": "1",
      "facts.correlation.participation.pattern": "text",
      "facts.correlation.participation.steps": "1",
      "facts.relation": "undefined missing",
      "facts.group": "undefined missing",
      "facts.group.name": "text",
      "facts.sampling.accountedAs": "undefined missing text",
      "facts.sampling.expectedBatchSize": "1",
      "facts.publicData": "undefined missing []",
      "facts.publicData.0": "text",
    },
  },
  selectionEpsilon: {
    values: () => ({ steps: [steps], law, delta: 1e-5 }),
    takes: { steps: "[]", "steps.0.samplingRate": "1", "steps.0.noiseMultiplier": "1", "steps.0.steps": "1" },
  },
  sensitivity: {
    values: () => ({ clipping, thresholds: [1, 2] }),
    takes: { "clipping.threshold": "1", thresholds: "undefined", "thresholds.0": "1" },
  },
};
