/**
 * Canaries: examples made so that their clipped gradients are as long as the sensitivity lets them be, and far longer
 * before clipping, so that a mechanism that clips too late or too little shows it. What serves a model best is tried out:
 * noise or records, enlarged or not, each with a target that the model does not expect.
 */
import { type Dataset, makeTargets } from "../data/dataset.js";
import type { Targets } from "../native/binding.js";
import type { RandomStream } from "../privacy/random.js";
import type { Session } from "../training/session.js";
import { type Canaries, canaryBatch, readBatch } from "./dataset.js";

interface Recipe {
  readonly from: "noise" | "records";
  /** Inputs are so many times as large as the records'. */
  readonly scale: number;
}

const scales = [512, 64, 8, 1, 1 / 8, 1 / 64];
const recipes: readonly Recipe[] = (["noise", "records"] as const).flatMap((from) =>
  scales.map((scale) => ({ from, scale })),
);
const TRIED = 8;
/** Recipes whose share is as close as this to the best are as good; what then counts is how unlike canaries are. */
const AS_GOOD = 0.95;

export interface CanaryOptions {
  readonly observer: Session;
  readonly dataset: Dataset;
  /** That the run has, beside the canaries. */
  readonly records: Uint32Array;
  readonly count: number;
  readonly weight: number;
  readonly sensitivity: number;
  readonly random: RandomStream;
}

/** `share`: the length of their clipped gradients over the sensitivity, at the observer's parameters; 1 is best. */
export async function makeCanaries(options: CanaryOptions): Promise<{ canaries: Canaries; share: number }> {
  const tried: { recipe: Recipe; share: number; likeness: number }[] = [];
  for (const recipe of recipes) {
    const few = await gradientsOf(options, await make(options, recipe, TRIED));
    tried.push({ recipe, share: shareOf(few, options), likeness: options.count > 1 ? likenessOf(few) : 0 });
  }
  const most = Math.max(...tried.map(({ share }) => share));
  const good = tried.filter(({ share }) => share >= AS_GOOD * most);
  const best = good.reduce((one, other) => (other.likeness < one.likeness ? other : one));
  const canaries = await longest(options, await make(options, best.recipe, options.count + TRIED));
  return { canaries, share: shareOf(await gradientsOf(options, canaries), options) };
}

/** As many as are wanted, those with the longest clipped gradients: some clip functions drop what is too long. */
async function longest(options: CanaryOptions, canaries: Canaries): Promise<Canaries> {
  const lengths = (await gradientsOf(options, canaries)).map((gradient) => product(gradient, gradient));
  const order = [...lengths.keys()].sort((a, b) => (lengths[b] as number) - (lengths[a] as number));
  const kept = order.slice(0, options.count).map((index) => canaryBatch(canaries, index));
  const { inputs, targets } = canaries;
  const [width, height] = [inputs.length / canaries.size, targets.length / canaries.size];
  const chosen = {
    ...canaries,
    size: kept.length,
    inputs: inputs.slice(0, kept.length * width),
    targets: targets.slice(0, kept.length * height),
  };
  for (const [i, canary] of kept.entries()) {
    chosen.inputs.set(canary.inputs, i * width);
    chosen.targets.set(canary.targets, i * height);
  }
  return chosen;
}

async function make(options: CanaryOptions, recipe: Recipe, count: number): Promise<Canaries> {
  const { dataset, records, random, weight } = options;
  const drawn = Uint32Array.from({ length: count }, () => records[random.integer(records.length)] as number);
  const { inputs } = await readBatch(dataset, drawn);
  const size = Math.sqrt(inputs.reduce((sum, x) => sum + x * x, 0) / inputs.length) || 1;
  if (recipe.from === "noise") for (let i = 0; i < inputs.length; i++) inputs[i] = size * random.normal();
  for (let i = 0; i < inputs.length; i++) inputs[i] = (inputs[i] as number) * recipe.scale;
  return { size: count, inputs, targets: await unexpected(options, inputs, count), weight };
}

/** Classes: what the model thinks least of, or any where an example has several. Values: another record's. */
async function unexpected(
  { observer, dataset, records, random }: CanaryOptions,
  inputs: Float32Array,
  count: number,
): Promise<Targets> {
  if (dataset.targetKind === "values") {
    const others = Uint32Array.from({ length: count }, () => records[random.integer(records.length)] as number);
    return (await readBatch(dataset, others)).targets;
  }
  const targets = makeTargets(dataset, count);
  const { outputs } = await observer.evaluate({ inputs, size: count });
  const classes = Math.max(1, Math.floor(outputs.length / targets.length));
  for (let i = 0; i < count; i++) {
    const own = outputs.subarray(i * classes, (i + 1) * classes);
    const label = dataset.targetElements === 1 ? own.indexOf(Math.min(...own)) : random.integer(classes);
    targets.fill(Math.max(0, label), i * dataset.targetElements, (i + 1) * dataset.targetElements);
  }
  return targets;
}

/** Clipped, each as one vector. */
async function gradientsOf({ observer }: CanaryOptions, canaries: Canaries): Promise<Float64Array[]> {
  const gradients: Float64Array[] = [];
  for (let i = 0; i < canaries.size; i++) {
    const { sums } = await observer.clippedSum(canaryBatch(canaries, i));
    gradients.push(Float64Array.from(Object.values(sums).flatMap(({ data }) => [...data])));
  }
  return gradients;
}

function shareOf(gradients: readonly Float64Array[], { sensitivity }: CanaryOptions): number {
  const lengths = gradients.reduce((sum, gradient) => sum + Math.sqrt(product(gradient, gradient)), 0);
  return lengths / gradients.length / sensitivity;
}

/** Squared cosines between canaries, summed: what one adds to the noise that another is seen through. */
function likenessOf(gradients: readonly Float64Array[]): number {
  let sum = 0;
  for (const [i, one] of gradients.entries()) {
    for (const other of gradients.slice(0, i)) {
      sum += product(one, other) ** 2 / (product(one, one) * product(other, other) || 1);
    }
  }
  return sum;
}

function product(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
}
