/** Models: arguments that are taken. */
import * as api from "../../src/index.js";
import type { PublicCall } from "./public-call.js";

const keys = () => new api.RandomKeys(7);
const stream = () => keys().stream("sampling");
const model = () => api.sequential([4], [api.linear(2)]);
let graph: api.GraphBuilder;

const classifier: PublicCall = {
  values: () => ({ options: { classes: 2 } }),
  takes: { options: "undefined {}", "options.classes": "undefined missing 1" },
};

export const ofModels: Record<string, PublicCall> = {
  GraphBuilder: { values: () => ({}) },
  "GraphBuilder#input": { of: () => new api.GraphBuilder(), values: () => ({ input: [4] }), takes: { "input.0": "1" } },
  "GraphBuilder#add": {
    of: () => graph,
    values: () => {
      graph = new api.GraphBuilder();
      return { layer: api.relu(), inputs: graph.input([4]), name: "one" };
    },
    takes: {
      "layer.type": "*",
      "layer.kind": "*",
      "layer.frozen": "*",
      "layer.tie": "undefined missing",
      name: "undefined",
    },
  },
  "GraphBuilder#build": {
    of: () => graph,
    values: () => {
      graph = new api.GraphBuilder();
      return { output: graph.add(api.relu(), graph.input([4])), options: { freeze: () => false } };
    },
    takes: { options: "undefined {}", "options.freeze": "undefined missing" },
  },
  "Model#initialise": { of: model, values: () => ({ random: stream() }) },
  "Model#withFrozen": { of: model, values: () => ({ freeze: () => true }) },
  Model: {
    values: () => ({
      parts: {
        inputShape: [4],
        nodes: [],
        parameters: [],
        initializers: [],
        modelNodes: [],
        aliases: new Map(),
      },
    }),
    takes: {
      "parts.inputShape": "[]",
      "parts.inputShape.0": "1",
      "parts.nodes": "[]",
      "parts.parameters": "[]",
      "parts.initializers": "[]",
      "parts.modelNodes": "[]",
    },
  },
  cnn: {
    values: () => ({ options: { classes: 10 } }),
    takes: { options: "undefined {}", "options.classes": "undefined missing 1" },
  },
  dpcnn: {
    values: () => ({ options: { classes: 10 } }),
    takes: { options: "undefined {}", "options.classes": "undefined missing 1" },
  },
  elementCount: { values: () => ({ shape: [1, 2] }), takes: { shape: "[]", "shape.0": "1" } },
  mlp: {
    values: () => ({ options: { outputs: 10, hidden: [2] } }),
    takes: {
      options: "undefined {}",
      "options.outputs": "undefined missing 1",
      "options.hidden": "undefined missing []",
      "options.hidden.0": "1",
    },
  },
  mnistCnn: { values: () => ({ options: {} }), takes: { options: "undefined {}" } },
  modelByName: { values: () => ({ model: "mlp", options: {} }), takes: { options: "undefined {}" } },
  modelFromJSON: {
    values: () => ({
      model: { inputShape: [4], layers: [{ type: "linear", outFeatures: 2 }], frozen: ["0.bias"] },
    }),
    takes: {
      "model.inputShape.0": "1",
      "model.layers.0.outFeatures": "1",
      "model.frozen": "undefined missing []",
    },
  },
  nestedUnet: classifier,
  resnet18: classifier,
  resnet34: classifier,
  resnet50: classifier,
  resnet101: classifier,
  sequential: {
    values: () => ({ input: [4], layers: [api.linear(2)], options: { freeze: () => false } }),
    takes: { "input.0": "1", "layers.0.**": "*", options: "undefined {}", "options.freeze": "undefined missing" },
  },
  showShape: { values: () => ({ shape: [1, 2] }), takes: { shape: "[]", "shape.0": "*" } },
  unet: classifier,
  vgg11: classifier,
  vgg13: classifier,
  vgg16: classifier,
  vgg19: classifier,
  wideResnet: classifier,
};
