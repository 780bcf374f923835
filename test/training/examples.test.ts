/** The recipes in examples/ are configurations that train: each is read, planned and given a session. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readConfig } from "../../src/training/config.js";
import { planRun } from "../../src/training/prepare.js";
import { planTraining } from "../../src/training/training-plan.js";

const folder = join(import.meta.dirname, "../../examples");
const recipes = readdirSync(folder).filter((name) => name.endsWith(".json"));

it.each(recipes)("%s can be planned", (recipe) => {
  const config = readConfig(join(folder, recipe));
  expect(planTraining(config, 60_000).steps).toBeGreaterThan(0);
});

it("the wide ResNet's examples are sixteen views: so many times the work", () => {
  const config = readConfig(join(folder, "cifar10-wide-resnet.json"));
  const plan = planRun({ ...config, threads: 1, chunkSize: 1 });
  const data = { ...config.data, augmentation: undefined };
  const single = planRun({ ...config, threads: 1, chunkSize: 1, data });
  const flops = (of: typeof plan) => of.layers.reduce((sum, layer) => sum + layer.flops, 0);
  expect(flops(plan) / flops(single)).toBeGreaterThan(15);
  expect(flops(plan) / flops(single)).toBeLessThan(17);
});
