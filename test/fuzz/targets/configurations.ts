/** What people write in JSON: configurations, grids of them, models. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { GraphError, LayerError, ShapeError } from "../../../src/graph/errors.js";
import { modelFromJSON } from "../../../src/layers/model-json.js";
import { parseGrid } from "../../../src/sweep/grid.js";
import { parseConfig, parseConfigJson } from "../../../src/training/config.js";
import { ConfigError } from "../../../src/training/config-errors.js";
import { defineTarget, promise } from "../fuzz.js";
import { JsonSeeds } from "../json.js";
import type { Random } from "../random.js";

const layers = {
  inputShape: [1, 8, 8],
  layers: [
    { type: "conv2d", outChannels: 4, kernelSize: 3, padding: 1, name: "c" },
    { type: "groupNorm", groups: 2 },
    { type: "relu" },
    { type: "maxPool2d", kernelSize: 2 },
    { type: "upsample2d", scale: 2 },
    { type: "add", inputs: ["c", "4"] },
    { type: "flatten" },
    { type: "linear", outFeatures: 6, freeze: true },
    { type: "tanh" },
    { type: "linear", outFeatures: 6, tie: { bias: "7.bias" } },
  ],
  frozen: ["c.bias"],
};
const volumes = {
  inputShape: [2, 4, 4, 4],
  layers: [
    { type: "conv3d", outChannels: 2, kernelSize: [1, 2, 3], stride: 2, padding: [0, 1, 1] },
    { type: "avgPool3d", kernelSize: 2 },
    { type: "adaptiveAvgPool3d", outputSize: 1 },
    { type: "flatten" },
    { type: "layerNorm", eps: 1e-5 },
    { type: "dropout", rate: 0.1 },
    { type: "gelu" },
  ],
};

const base = {
  data: { format: "idx", train: { images: "i", labels: "l" }, normalization: { mean: 0.5, std: [0.5] } },
  optimizer: { type: "adam", learningRate: 0.1 },
  schedule: { type: "cosine" },
  samplingRate: 0.1,
  steps: 10,
};
const configurations = [
  ...examples((name) => !name.endsWith(".grid.json")),
  { ...base, model: layers, privacy: { delta: 1e-5, noiseMultiplier: 1 }, clipping: { style: "per-layer" } },
  { ...base, model: { name: "wide-resnet", depth: 10, width: 1 }, strategy: "none" },
  { ...base, model: "mlp", strategy: "none", ema: { decay: 0.9 }, seed: 3 },
  {
    ...base,
    model: { name: "mlp", hidden: [4] },
    data: { format: "csv", train: "t.csv", size: [4, 4], classes: ["a", "b"], augmentation: { crop: { padding: 1 } } },
    privacy: { epsilon: 3, delta: 1e-5, group: { size: 3 }, noiseSchedule: { type: "linear", final: 0.5 } },
    clipping: { style: "groups", groups: { a: ["*.weight"], b: { parameters: ["*.bias"], threshold: 2 } } },
    sampling: { type: "poisson" },
    compression: { type: "topK", keep: 0.1, errorFeedback: true },
  },
];

function examples(wanted: (name: string) => boolean): unknown[] {
  const folder = fileURLToPath(new URL("../../../examples", import.meta.url));
  const names = readdirSync(folder).filter((name) => name.endsWith(".json") && wanted(name));
  return names.map((name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) as unknown);
}

/** Large networks take milliseconds to build, and say no more than small ones. */
const small = (seed: unknown) => {
  const { model } = seed as { model: unknown };
  const isLarge = typeof model === "object" && /unet|^resnet/.test(String((model as { name?: unknown }).name));
  return { ...(seed as object), model: isLarge ? { name: "mlp", hidden: [3] } : model };
};

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

const configSeeds = new JsonSeeds(configurations.map(small));

/** JSON values, and now and then text. */
const jsonOf = (seeds: JsonSeeds) => (random: Random) =>
  random.once(8) ? { text: seeds.text(random) } : { value: seeds.value(random) };
type JsonCase = { readonly text?: string; readonly value?: unknown };
const jsonIn = ({ text, value }: JsonCase) => (text === undefined ? value : parseConfigJson(text, "c"));

export const config = defineTarget<JsonCase>({
  name: "config",
  errors: [ConfigError],
  make: jsonOf(configSeeds),
  run(input) {
    const parsed = parseConfig(jsonIn(input), "c");
    const again = parseConfig(plain(parsed), "again"); // as a run writes it and a sweep reads it
    promise(isDeepStrictEqual(plain(again), plain(parsed)), "is not read back as it was written");
  },
  quickCases: 2000,
});

const gridSeeds = new JsonSeeds([
  ...examples((name) => name.endsWith(".grid.json")).map((grid) => ({
    ...(grid as object),
    base: { ...base, model: "mlp", privacy: { delta: 1e-5, noiseMultiplier: 1 } },
    grid: { model: ["mlp", { name: "mlp", hidden: [] }], "privacy.noiseMultiplier": [0.3, 0.5] },
  })),
  {
    base: { ...base, model: "mlp", privacy: { delta: 1e-5, noiseMultiplier: 1 } },
    set: { steps: 3 },
    variants: { plain: { strategy: "none", privacy: null }, b: { clipping: { function: "autoS" } } },
    grid: { "privacy.noiseMultiplier": [0.3, 0.5], model: ["mlp", { name: "mlp", hidden: [2] }] },
  },
]);

export const grid = defineTarget<JsonCase>({
  name: "grid",
  errors: [ConfigError],
  make: jsonOf(gridSeeds),
  run(input) {
    const { cells } = parseGrid(jsonIn(input), "/nowhere/g.json");
    const names = new Set(cells.map(({ name }) => name.toLowerCase()));
    promise(names.size === cells.length, "two cells of one name");
    promise(
      [...names].every((name) => /^\w[\w.-]*$/.test(name)),
      "a name that is no folder's",
    );
  },
  quickCases: 2000,
});

const modelSeeds = new JsonSeeds([layers, volumes]);

export const model = defineTarget<unknown>({
  name: "model",
  errors: [TypeError, LayerError, GraphError, ShapeError],
  make: (random) => modelSeeds.value(random),
  run(value) {
    const built = modelFromJSON(value);
    const { parameters } = built.spec;
    promise(
      parameters.every(({ shape }) => shape.every((extent) => Number.isSafeInteger(extent) && extent > 0)),
      "shape",
    );
  },
  quickCases: 4000,
});
