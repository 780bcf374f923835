/** Kernels: arguments that are taken. */
import * as api from "../../src/index.js";
import { type PublicCall, sgd } from "./public-call.js";

const noDevice = /CUDA|GPU/;
const gradients = () => new Float32Array(6);
const clip = { examples: 3, threshold: 1 };
const noise = { noiseMultiplier: 1, sensitivity: 1, normalizer: 1 };

export const ofKernels: Record<string, PublicCall> = {
  clipAndSum: {
    values: () => ({ gradients: gradients(), options: clip }),
    takes: { "options.examples": "1", "options.threshold": "1" },
  },
  "blocks#clipAndSum": {
    of: () => api,
    values: () => ({
      gradients: [gradients(), gradients()],
      options: {
        examples: 3,
        style: "per-block",
        thresholds: [1, 2],
        weights: [1, 1, 1],
        output: [new Float32Array(2), new Float32Array(2)],
      },
    }),
    takes: {
      "options.style": "",
      "options.thresholds.0": "1",
      "options.weights": "undefined missing",
      "options.weights.0": "1",
      "options.output": "undefined missing",
    },
  },
  "blocks#perExampleNorms": {
    of: () => api,
    values: () => ({ gradients: [gradients()], options: { examples: 3 } }),
    takes: { "options.examples": "1" },
  },
  "blocks#sparsify": {
    of: () => api,
    values: () => ({ gradients: [gradients()], options: { examples: 3, mask: new Uint8Array(2) } }),
  },
  clipAndSumSync: {
    values: () => ({ gradients: gradients(), options: clip }),
    takes: { "options.examples": "1", "options.threshold": "1" },
  },
  "device.clipAndSum": {
    values: () => ({ gradients: null, sum: null, options: { threshold: 1 } }),
    fails: /^gradients: got null/,
    takes: { gradients: "null", sum: "*", "options.threshold": "1" },
  },
  "device.deviceBuffer": {
    values: () => ({ options: { rows: 1, columns: 2, element: "float32" } }),
    fails: noDevice,
    takes: { "options.rows": "undefined missing 1", "options.columns": "1", "options.element": "undefined missing" },
  },
  "device.deviceMask": { values: () => ({ mask: new Uint8Array(2) }), fails: noDevice },
  "device.deviceStatus": { values: () => ({}) },
  "device.packMask": { values: () => ({ mask: new Uint8Array(2) }) },
  "device.perExampleNorms": {
    values: () => ({ gradients: null, options: { mask: undefined } }),
    fails: /^gradients: got null/,
    takes: { gradients: "null", options: "undefined {}", "options.mask": "*" },
  },
  "device.privatize": {
    values: () => ({ sum: null, options: { ...noise, optimizer: sgd(), step: 1 } }),
    fails: /^sum: got null/,
    takes: {
      "options.optimizer.**": "*",
      sum: "null",
      "options.noiseMultiplier": "1",
      "options.sensitivity": "1",
      "options.normalizer": "1",
      "options.step": "1",
    },
  },
  "device.sparsify": {
    values: () => ({ gradients: null, options: { mask: undefined } }),
    fails: /^gradients: got null/,
    takes: { gradients: "null", options: "{}", "options.mask": "*" },
  },
  "device.synchronize": { values: () => ({}), fails: noDevice },
  perExampleNorms: {
    values: () => ({ gradients: gradients(), options: { examples: 3 } }),
    takes: { "options.examples": "1" },
  },
  perExampleNormsSync: {
    values: () => ({ gradients: gradients(), options: { examples: 3 } }),
    takes: { "options.examples": "1" },
  },
  privatize: {
    values: () => ({ sum: gradients(), options: noise }),
    takes: { "options.noiseMultiplier": "1", "options.sensitivity": "1", "options.normalizer": "1" },
  },
  privatizeSync: {
    values: () => ({ sum: gradients(), options: noise }),
    takes: { "options.noiseMultiplier": "1", "options.sensitivity": "1", "options.normalizer": "1" },
  },
  sparsify: {
    values: () => ({ gradients: gradients(), options: { examples: 1, mask: new Uint8Array(6) } }),
    takes: { "options.examples": "1" },
  },
  sparsifySync: {
    values: () => ({ gradients: gradients(), options: { examples: 1, mask: new Uint8Array(6) } }),
    takes: { "options.examples": "1" },
  },
};
