/**
 * Ready-made models with weights that PyTorch exported (test/fixtures/models): torchvision's networks, a U-Net and
 * a wide ResNet, narrow, in float64. Tolerance: 1e-5 of the largest magnitude among what is kept of the tensor; norms and losses, of
 * their value.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { crossEntropy } from "../../src/losses/index.js";
import { modelByName } from "../../src/models/index.js";
import type { Tensors } from "../../src/training/tensors.js";
import { expectClose, expectEachClose } from "../gradients/compare.js";
import { strategies, withSession } from "../gradients/sessions.js";
import { expectSketches } from "../gradients/sketch.js";

const folder = join(import.meta.dirname, "../fixtures/models");

function load(name: string) {
  const weights = readSafetensors(join(folder, `${name}.safetensors`)).tensors;
  const { tensors, metadata } = readSafetensors(join(folder, `${name}.expected.safetensors`));
  const inputs = tensors.get("inputs");
  return {
    model: modelByName(name, JSON.parse(metadata.options ?? "")),
    loss: crossEntropy(),
    threshold: 1,
    parameters: Object.fromEntries(
      Array.from(weights, ([path, { shape, values }]) => [path, { shape, data: values as Float32Array }]),
    ) satisfies Tensors,
    batch: {
      inputs: inputs?.values as Float32Array,
      targets: tensors.get("targets")?.values as Int32Array,
      size: inputs?.shape[0] as number,
    },
    expected: (tensor: string) => tensors.get(tensor)?.values as Float64Array,
  };
}

describe.each(["resnet18", "resnet50", "vgg11", "vgg13", "unet", "wide-resnet", "nested-unet"])("%s", (name) => {
  const fixture = load(name);
  const { batch, expected } = fixture;

  it("takes PyTorch's weights, all of them and no others", () => {
    expect(fixture.model.spec.parameters.map(({ name, shape }) => [name, shape])).toEqual(
      expect.arrayContaining(Object.entries(fixture.parameters).map(([path, { shape }]) => [path, [...shape]])),
    );
    expect(fixture.model.spec.parameters).toHaveLength(Object.keys(fixture.parameters).length);
  });

  it.each(strategies)("outputs, losses, per-example gradients and norms: %s", async (strategy) => {
    await withSession(fixture, strategy, { function: "abadi", style: "flat" }, {}, async (session) => {
      const { outputs, losses } = await session.evaluate(batch);
      expectClose("outputs", outputs, expected("outputs"));
      expectEachClose("losses", losses, expected("losses"));
      const found = await session.perExampleGradients(batch);
      expectSketches(expected, "gradient", found.gradients, batch.size);
      expectEachClose("norms", found.squaredNorms.map(Math.sqrt), expected("norms/flat"));
    });
  });
});

const listed = JSON.parse(readFileSync(join(folder, "parameters.json"), "utf8")) as Record<
  string,
  Record<string, number[]>
>;

describe.each(Object.entries(listed))("%s at full size", (name, parameters) => {
  it("has torchvision's parameters, in its order", () => {
    const pictures = { inputShape: [3, 224, 224], classes: 1000 };
    const classifier = { poolSize: 7, hidden: [4096, 4096], groups: name.endsWith("_bn") ? 32 : 0 };
    const options = name.startsWith("vgg") ? { ...pictures, ...classifier } : { ...pictures, stem: "imagenet" };
    const { spec } = modelByName(name.replace("_bn", ""), options);
    expect(spec.parameters.map((parameter) => [parameter.name, [...parameter.shape]])).toEqual(
      Object.entries(parameters),
    );
  });
});
