/** Losses, optimizers, sessions and runs: arguments that are taken. */
import * as api from "../../src/index.js";
import { tinyConfig, tinyData, tinyModel } from "../training/tiny.js";
import { absent, dataset, noFile, type PublicCall, sgd } from "./public-call.js";

const model = () => api.sequential([4], [api.linear(2)]);
const session = () =>
  api.createSession(api.modelFromJSON(tinyModel), { loss: api.crossEntropy(), optimizer: sgd(), threads: 1 });
const batch = () => ({
  inputs: new Float32Array(4),
  targets: new Int32Array(1),
  weights: new Float32Array([1]),
  size: 1,
});
const weights = () => ({
  "0.weight": { shape: [2, 4], data: new Float32Array(8) },
  "0.bias": { shape: [2], data: new Float32Array(2) },
});
const stepping = () =>
  api.createSession(model(), {
    loss: api.crossEntropy(),
    optimizer: api.sgd({ learningRate: 1, momentum: 0.5 }),
    privacy: { noiseMultiplier: 1, expectedBatchSize: 1 },
    threads: 1,
  });
const clipping = { function: "abadi", style: "flat", threshold: 1 };

const optimizer: PublicCall = {
  values: () => ({ options: { learningRate: 1 } }),
  takes: { "options.learningRate": "1" },
};
const reader: PublicCall = { values: () => ({ path: absent }), fails: noFile, takes: { path: "text" } };

export const ofTraining: Record<string, PublicCall> = {
  ConfusionMatrix: {
    values: () => ({ classes: 3, options: { ignoreIndex: -100 } }),
    takes: { classes: "1", options: "undefined {}", "options.ignoreIndex": "undefined missing 1" },
  },
  Trainer: {
    values: () => ({
      options: {
        config: tinyConfig(),
        train: tinyData(8),
        test: tinyData(8),
        public: tinyData(8),
        classes: ["a"],
        out: absent,
        resume: false,
        title: "t",
        watcher: { begin() {}, step() {} },
      },
    }),
    fails: noFile,
    takes: {
      "options.config.**": "*",
      "options.test": "undefined missing",
      "options.public": "undefined missing",
      "options.classes": "undefined missing []",
      "options.classes.0": "text",
      "options.out": "undefined missing text",
      "options.resume": "undefined missing",
      "options.title": "undefined missing text",
      "options.watcher": "undefined missing",
    },
  },
  "Trainer#run": {
    of: () => new api.Trainer({ config: tinyConfig({ steps: 1 }), train: tinyData(200) }),
    values: () => ({ signal: new AbortController().signal }),
    takes: { signal: "undefined" },
  },
  "ConfusionMatrix#add": {
    of: () => new api.ConfusionMatrix(2),
    values: () => ({ predicted: [0, 1], targets: [1, 1] }),
    takes: { "predicted.0": "1", "targets.0": "1 NaN" },
  },
  adagrad: optimizer,
  adam: {
    values: () => ({ options: { learningRate: 1, betas: [0.9, 0.99] } }),
    takes: { "options.learningRate": "1", "options.betas": "undefined missing" },
  },
  adamw: optimizer,
  binaryCrossEntropyWithLogits: { values: () => ({ options: {} }), takes: { options: "undefined {}" } },
  createSession: {
    values: () => ({
      model: model(),
      options: { loss: api.crossEntropy(), optimizer: sgd(), clipping, privacy: undefined, threads: 1, seed: 1 },
    }),
    takes: {
      "options.loss.**": "*",
      "options.optimizer.**": "*",
      "options.clipping": "undefined missing {}",
      "options.clipping.function": "missing",
      "options.clipping.style": "missing",
      "options.clipping.threshold": "missing 1",
      "options.privacy": "undefined missing",
      "options.threads": "undefined missing 1",
      "options.seed": "undefined missing 1",
    },
  },
  "Session#step": {
    of: stepping,
    values: () => ({ batch: batch(), options: { learningRate: 1, noiseMultiplier: 1, thresholdFactor: 1 } }),
    takes: {
      batch: "[]",
      "batch.size": "1",
      "batch.weights": "undefined missing null",
      options: "undefined {}",
      "options.learningRate": "undefined missing 1",
      "options.noiseMultiplier": "undefined missing 1",
      "options.thresholdFactor": "undefined missing 1",
    },
  },
  "Session#clippedSum": {
    of: stepping,
    values: () => ({ batch: [batch()], options: {} }),
    takes: { batch: "[]", "batch.0.size": "1", "batch.0.weights": "undefined missing null", options: "undefined {}" },
  },
  "Session#perExampleGradients": {
    of: stepping,
    values: () => ({ batch: batch(), options: {} }),
    takes: { "batch.size": "1", "batch.weights": "undefined missing null", options: "undefined {}" },
  },
  "Session#evaluate": {
    of: stepping,
    values: () => ({ batch: [batch()], options: {} }),
    takes: {
      batch: "[]",
      "batch.0.size": "1",
      "batch.0.targets": "undefined missing null",
      "batch.0.weights": "undefined missing null",
      options: "undefined {}",
    },
  },
  "Session#plan": { of: stepping, values: () => ({ batchSize: 8 }), takes: { batchSize: "undefined 1" } },
  "Session#loadParameters": { of: stepping, values: () => ({ tensors: weights() }), takes: {} },
  "Session#loadOptimizerState": {
    of: stepping,
    values: () => ({ state: { step: 0, slots: [weights()], shared: [] } }),
    takes: { "state.step": "1", "state.shared": "undefined missing []" },
  },
  "Session#loadThresholds": { of: stepping, values: () => ({ thresholds: [2] }), takes: { "thresholds.0": "1" } },
  "Session#loadNoiseMemory": { of: stepping, values: () => ({ buffers: [] }), takes: { buffers: "[]" } },
  crossEntropy: {
    values: () => ({ options: { labelSmoothing: 0.1 } }),
    takes: { options: "undefined {}", "options.labelSmoothing": "undefined missing 1" },
  },
  dice: {
    values: () => ({ options: { smooth: 1 } }),
    takes: { options: "undefined {}", "options.smooth": "undefined missing 1" },
  },
  diceCrossEntropy: {
    values: () => ({ options: { smooth: 1 } }),
    takes: { options: "undefined {}", "options.smooth": "undefined missing 1" },
  },
  dpAdamBC: optimizer,
  evaluateDataset: {
    values: () => ({
      session: session(),
      dataset: dataset(),
      signal: new AbortController().signal,
      onWait: () => undefined,
    }),
    takes: {
      "dataset.size": "1",
      "dataset.inputShape.0": "1",
      "dataset.targetElements": "1",
      signal: "undefined",
      onWait: "undefined",
    },
  },
  loadData: {
    values: () => ({ data: { format: "cifar10", folder: absent }, base: "/" }),
    fails: noFile,
    takes: { "data.folder": "text", base: "undefined text" },
  },
  lossFromJSON: { values: () => ({ loss: { type: "crossEntropy" } }) },
  meanSquaredError: { values: () => ({}) },
  optimizerFromJSON: {
    values: () => ({ optimizer: { type: "sgd", learningRate: 1 } }),
    takes: { "optimizer.learningRate": "1" },
  },
  parseConfig: {
    values: () => ({ configuration: tinyConfig(), source: "c" }),
    takes: {
      "configuration.**": "*",
      "configuration.loss": "undefined missing",
      "configuration.schedule": "undefined missing",
      "configuration.clipping": "undefined missing {}",
      "configuration.samplingRate": "1",
      "configuration.steps": "1",
      "configuration.strategy": "undefined missing",
      "configuration.chunkSize": "undefined missing 1",
      "configuration.threads": "undefined missing 1",
      "configuration.deterministic": "undefined missing",
      source: "undefined text",
    },
  },
  predictedClasses: { values: () => ({ outputs: new Float32Array(4), classes: 2 }), takes: { classes: "1" } },
  readCheckpoint: reader,
  readConfig: reader,
  readRunLedger: reader,
  rmsprop: optimizer,
  "schedules.constant": { values: () => ({}) },
  "schedules.cosine": {
    values: () => ({ options: { final: 0 } }),
    takes: { options: "undefined {}", "options.final": "undefined missing 1" },
  },
  "schedules.epochs": { values: () => ({ options: { factors: [1] } }), takes: { "options.factors.0": "1" } },
  "schedules.linear": {
    values: () => ({ options: { final: 0 } }),
    takes: { options: "undefined {}", "options.final": "undefined missing 1" },
  },
  "schedules.linearWarmUp": {
    values: () => ({ options: { steps: 2, next: api.schedules.constant() } }),
    takes: { "options.steps": "1", "options.next": "undefined missing", "options.next.**": "*" },
  },
  "schedules.scheduleFromJSON": {
    values: () => ({ schedule: { type: "step", every: 2 } }),
    takes: { "schedule.every": "1" },
  },
  "schedules.step": { values: () => ({ options: { every: 2 } }), takes: { "options.every": "1" } },
  sgd: {
    values: () => ({ options: { learningRate: 1, momentum: 0.5 } }),
    takes: { "options.learningRate": "1", "options.momentum": "undefined missing 1" },
  },
};
