/** The recipes in examples/ are configurations that train: each is read, planned and given a session. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readGrid } from "../../src/sweep/grid.js";
import { readConfig } from "../../src/training/config.js";
import { planRun } from "../../src/training/prepare.js";
import { planTraining } from "../../src/training/training-plan.js";

const folder = join(import.meta.dirname, "../../examples");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const isGrid = (name: string) => name.endsWith(".grid.json");
const recipes = files.filter((name) => !isGrid(name));

it.each(recipes)("%s can be planned", (recipe) => {
  const config = readConfig(join(folder, recipe));
  expect(planTraining(config, 60_000).steps).toBeGreaterThan(0);
});

it.each(files.filter(isGrid))("every cell of %s can be planned", (grid) => {
  const { cells } = readGrid(join(folder, grid));
  expect(cells.length).toBeGreaterThan(1);
  for (const { config } of cells) expect(planTraining(config, 66).steps).toBeGreaterThan(0);
});

it("the grid of the retina study is that of its README, the shortened one smaller alone", () => {
  const [full, short] = ["duke-oct.grid.json", "duke-oct-short.grid.json"].map(
    (name) => readGrid(join(folder, name)).cells,
  );
  expect(short?.map(({ name }) => name)).toEqual(full?.map(({ name }) => name));
  expect(full).toHaveLength(2 * (1 + 4 + 4));
  const sparsified = full?.filter(({ variant }) => variant === "random sparsification");
  expect(sparsified?.map(({ config }) => config.privacy?.noiseMultiplier)).toEqual([
    0.3, 0.5, 0.7, 1, 0.3, 0.5, 0.7, 1,
  ]);
  for (const { config } of sparsified ?? []) {
    expect(config).toMatchObject({
      batchSize: 10,
      optimizer: { learningRate: 5e-4, weightDecay: 1e-4 },
      privacy: { delta: 1e-5 },
      clipping: { style: "per-layer", threshold: 1 },
      sparsification: { rate: 0.9, refreshesPerEpoch: 2 },
    });
  }
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
