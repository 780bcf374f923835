/** Losses, optimizers, sessions and runs: arguments that are taken. */
import * as api from "../../src/index.js";
import { tinyConfig, tinyData, tinyModel } from "../training/tiny.js";
import { absent, dataset, noFile, type PublicCall, sgd } from "./public-call.js";

const model = () => api.sequential([4], [api.linear(2)]);
const session = () =>
  api.createSession(api.modelFromJSON(tinyModel), { loss: api.crossEntropy(), optimizer: sgd(), threads: 1 });
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
      "options.test": "undefined missing",
      "options.public": "undefined missing",
      "options.classes": "undefined missing []",
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
      "options.clipping": "undefined missing {}",
      "options.privacy": "undefined missing",
      "options.threads": "undefined missing 1",
      "options.seed": "undefined missing 1",
    },
  },
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
    takes: { "dataset.size": "1", "dataset.targetElements": "1", signal: "undefined", onWait: "undefined" },
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
  "schedules.epochs": { values: () => ({ options: { factors: [1] } }) },
  "schedules.linear": {
    values: () => ({ options: { final: 0 } }),
    takes: { options: "undefined {}", "options.final": "undefined missing 1" },
  },
  "schedules.linearWarmUp": {
    values: () => ({ options: { steps: 2, next: api.schedules.constant() } }),
    takes: { "options.steps": "1", "options.next": "undefined missing" },
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
