/**
 * Every clip function, style, kind of threshold and weights, under every strategy, against PyTorch in float64
 * (test/fixtures/clipping). Tolerance: 1e-5 of the largest magnitude in the parameter's sum.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { sgd } from "../../src/optimizers/index.js";
import { type ClipFunctionName, clipFunctions } from "../../src/privacy/clip-functions.js";
import type { ClippingConfig } from "../../src/privacy/sensitivity.js";
import { createSession } from "../../src/training/session.js";
import { expectClose } from "./compare.js";
import { loadFixture, readRows } from "./fixture.js";
import { strategies } from "./sessions.js";

const names = [
  "linear-deep",
  "linear-frozen-middle",
  "conv2d-then-linear-over-width",
  "group-norm",
  "layer-norm-positions",
  "mixed-pictures",
  "mixed-volumes",
  "tied-views",
];

function load(name: string) {
  const path = join(import.meta.dirname, `../fixtures/clipping/${name}.safetensors`);
  const { tensors, metadata } = readSafetensors(path);
  return {
    threshold: Number(metadata.threshold),
    seed: metadata.seed,
    weights: Float32Array.from(JSON.parse(metadata.weights ?? "") as number[]),
    functions: JSON.parse(metadata.functions ?? "") as Record<ClipFunctionName, Partial<ClippingConfig>>,
    thresholds: JSON.parse(metadata.thresholds ?? "") as Record<string, number[]>,
    sum: (key: string) => tensors.get(key)?.values as Float64Array,
  };
}

/** The configurations behind the fixtures' styles. */
function styles(threshold: number, given: Record<string, number[]>): Record<string, Partial<ClippingConfig>> {
  const first = given["groups-given"]?.[0] as number;
  return {
    flat: { style: "flat" },
    "per-layer": { style: "per-layer" },
    "per-layer-given": { style: "per-layer", thresholds: given["per-layer-given"] },
    "per-parameter": { style: "per-parameter" },
    groups: { style: "groups", groups: { weights: ["*.weight"], biases: { parameters: ["*bias"] } } },
    "groups-given": {
      style: "groups",
      threshold,
      groups: { weights: { parameters: ["*.weight"], threshold: first }, biases: ["*.bias"] },
    },
  };
}

describe.each(readRows("rows.json").filter(({ name }) => names.includes(name)))("$name", (row) => {
  const fixture = loadFixture(row);
  const reference = load(row.name);
  const cases = Object.entries(styles(reference.threshold, reference.thresholds));

  it("is the model and the batch of the fixture", () => {
    expect(reference.threshold).toBe(fixture.threshold);
    expect(reference.weights).toHaveLength(row.batch);
  });

  it.each(strategies)("clipped sums: %s", async (strategy) => {
    for (const name of clipFunctions) {
      for (const [style, options] of cases) {
        const clipping: ClippingConfig = {
          threshold: reference.threshold,
          ...reference.functions[name],
          style: "flat",
          ...options,
          function: name,
          maxWeight: 2,
        };
        using session = createSession(fixture.model, {
          loss: fixture.loss,
          optimizer: sgd({ learningRate: 0.1 }),
          clipping,
          strategy,
          seed: 1,
          threads: 1,
          chunkSize: 2,
          augmentationMultiplicity: row.views ?? 1,
        });
        session.loadParameters(fixture.parameters);
        for (const [kind, weights] of [
          ["plain", null],
          ["weighted", reference.weights],
        ] as const) {
          const { sums } = await session.clippedSum({ ...fixture.batch, weights });
          for (const [parameter, { data }] of Object.entries(sums)) {
            const expected = reference.sum(`sum/${name}/${style}/${kind}/${parameter}`);
            expectClose(`${name}, ${style}, ${kind}, ${parameter}`, data, expected);
          }
        }
      }
    }
  });
});

it("weights multiply the plain sum of strategy none", async () => {
  const fixture = loadFixture(readRows("rows.json").find(({ name }) => name === "linear-deep") as never);
  const { weights } = load("linear-deep");
  using session = createSession(fixture.model, {
    loss: fixture.loss,
    optimizer: sgd({ learningRate: 0.1 }),
    clipping: { function: "abadi", style: "per-layer", threshold: 1, maxWeight: 2 },
    strategy: "none",
  });
  session.loadParameters(fixture.parameters);
  const { sums } = await session.clippedSum({ ...fixture.batch, weights });
  for (const [parameter, { data }] of Object.entries(sums)) {
    const gradients = fixture.expected(`gradient/${parameter}`);
    const expected = Array.from(data, (_, i) =>
      weights.reduce((sum, weight, b) => sum + weight * (gradients[b * data.length + i] as number), 0),
    );
    expectClose(parameter, data, expected);
  }
});
