import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AugmentedDataset } from "../../src/data/augment.js";
import { DataError, type Dataset, withWeights } from "../../src/data/dataset.js";
import { ArrayDataset, ByteDataset } from "../../src/data/memory.js";
import { readNpy } from "../../src/data/npy.js";
import { RandomKeys } from "../../src/privacy/random.js";

const channels = 2;
const height = 3;
const width = 4;
const stride = channels * height * width;
const size = 6;
const plain = new ByteDataset({
  inputs: Uint8Array.from({ length: size * stride }, (_, i) => 1 + i),
  inputShape: [channels, height, width],
  labels: Uint8Array.from({ length: size }, (_, i) => i),
  normalization: { mean: [0.1, 0.4], std: [0.5, 0.25] },
});

const keys = new RandomKeys(7);

function rows(dataset: Dataset, indices: number[]): Float32Array[] {
  const inputs = new Float32Array(indices.length * stride);
  const targets = new Int32Array(indices.length);
  expect(dataset.read(indices, inputs, targets)).toBeUndefined();
  expect([...targets]).toEqual(indices);
  return indices.map((_, row) => inputs.slice(row * stride, (row + 1) * stride));
}

/** Numbers in [0, 1) one after the other. */
const scripted = (numbers: readonly number[]) => {
  let next = 0;
  return { uniform: () => numbers[next++] as number };
};

/** The definition: paint black padding around the picture, cut at (top, left), mirror. */
function byDefinition(picture: Float32Array, padding: number, top: number, left: number, mirror: boolean): number[] {
  const black = plain.blank;
  return Array.from({ length: stride }, (_, i) => {
    const c = Math.floor(i / (height * width));
    const x = mirror ? width - 1 - (i % width) : i % width;
    const row = top + (Math.floor(i / width) % height) - padding;
    const column = left + x - padding;
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? (picture[(c * height + row) * width + column] as number) : Math.fround(black[c] as number);
  });
}

describe("AugmentedDataset", () => {
  it("cuts from the padded picture and mirrors, as the definition says", () => {
    const padding = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(
        padding,
        fc.nat(12),
        fc.nat(12),
        fc.boolean(),
        fc.nat(size - 1),
        (padding, top, left, flip, index) => {
          const places = 2 * padding + 1;
          fc.pre(top < places && left < places);
          // Moving down by d is cutting at padding − d.
          const draw = (cut: number) => (2 * padding - cut + 0.5) / places;
          const random = scripted([draw(top), draw(left), flip ? 0.25 : 0.75]);
          const augmented = new AugmentedDataset(plain, { crop: { padding }, flip: true }, random);
          const [original] = rows(plain, [index]);
          const [changed] = rows(augmented, [index]);
          expect([...(changed as Float32Array)]).toEqual(
            byDefinition(original as Float32Array, padding, top, left, flip),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it("draws every shift and both directions equally often", () => {
    const one = new ByteDataset({
      inputs: Uint8Array.from({ length: 9 }, (_, i) => (i === 4 ? 255 : i === 5 ? 100 : 0)),
      inputShape: [1, 3, 3],
      labels: new Uint8Array(1),
    });
    const augmented = new AugmentedDataset(one, { crop: { padding: 1 }, flip: true }, keys.stream("augmentation"));
    const count = 18_000;
    const inputs = new Float32Array(9 * count);
    augmented.read(new Uint8Array(count), inputs, new Int32Array(count));
    const seen = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const key = inputs.subarray(9 * i, 9 * i + 9).join();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(18); // nine shifts, two directions
    const share = count / 18;
    const deviation = Math.sqrt(share * (1 - 1 / 18));
    for (const times of seen.values()) expect(Math.abs(times - share)).toBeLessThan(5 * deviation);
  });

  it("is the same for the same seed, goes on where it is told, and shares nothing with another purpose", () => {
    const all = { crop: { padding: 2 }, flip: true };
    const make = (purpose: "augmentation" | "sampling" = "augmentation") =>
      new AugmentedDataset(plain, all, new RandomKeys(7).stream(purpose));
    const indices = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3];
    const whole = rows(make(), indices);
    expect(rows(make(), indices)).toEqual(whole);
    expect(rows(make("sampling"), indices)).not.toEqual(whole);
    for (const seen of [0, 1, 4]) {
      const later = make();
      later.skip(seen);
      expect(rows(later, indices.slice(seen))).toEqual(whole.slice(seen));
    }
    const twoReads = make();
    expect([...rows(twoReads, indices.slice(0, 3)), ...rows(twoReads, indices.slice(3))]).toEqual(whole);
  });

  it("takes the same draws whatever is switched on, so that switching one off changes nothing else", () => {
    const shifted = (flip: boolean) =>
      rows(new AugmentedDataset(plain, { crop: { padding: 1 }, flip }, keys.stream("augmentation")), [0, 1, 2, 3]);
    const turned = rows(new AugmentedDataset(plain, { flip: true }, keys.stream("augmentation")), [0, 1, 2, 3]);
    const [original] = rows(plain, [0]);
    const both = shifted(true);
    const without = shifted(false);
    both.forEach((row, i) => {
      const mirrored = turned[i]?.[0] !== rows(plain, [i])[0]?.[0];
      const line = [...(without[i] as Float32Array).subarray(0, width)];
      expect([...row.subarray(0, width)]).toEqual(mirrored ? line.reverse() : line);
    });
    expect(original).toHaveLength(stride);
  });

  it("gives each picture several views, each with draws and targets of its own", async () => {
    const options = { crop: { padding: 2 }, flip: true };
    const augmented = new AugmentedDataset(
      plain,
      { ...options, multiplicity: 3 },
      new RandomKeys(7).stream("augmentation"),
    );
    expect(augmented.inputShape).toEqual([3, channels, height, width]);
    expect(augmented.targetElements).toBe(3);
    const inputs = new Float32Array(2 * 3 * stride + 1).fill(9);
    const targets = new Int32Array(6);
    augmented.read([4, 1], inputs, targets);
    const single = new AugmentedDataset(plain, options, new RandomKeys(7).stream("augmentation"));
    expect([...inputs]).toEqual([...rows(single, [4, 4, 4, 1, 1, 1]).flatMap((row) => [...row]), 9]);
    expect([...targets]).toEqual([4, 4, 4, 1, 1, 1]);
    augmented.skip(2);
    single.skip(6);
    augmented.read([0], inputs, targets);
    expect([...inputs.subarray(0, 3 * stride)]).toEqual(rows(single, [0, 0, 0]).flatMap((row) => [...row]));
  });

  it("waits for datasets that read asynchronously, and keeps weights", async () => {
    const weights = Float32Array.from({ length: size }, (_, i) => i / size);
    const slow: Dataset = {
      size,
      inputShape: plain.inputShape,
      targetKind: "classes",
      targetElements: 1,
      blank: plain.blank,
      weights,
      read: async (indices, inputs, targets) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        plain.read(indices, inputs, targets);
      },
    };
    const options = { crop: { padding: 2 }, flip: true };
    const later = new AugmentedDataset(slow, options, new RandomKeys(7).stream("augmentation"));
    const inputs = new Float32Array(2 * stride);
    await later.read([3, 1], inputs, new Int32Array(2));
    const now = new AugmentedDataset(plain, options, new RandomKeys(7).stream("augmentation"));
    expect([...inputs]).toEqual(rows(now, [3, 1]).flatMap((row) => [...row]));
    expect(later.weights).toBe(weights);
    expect(withWeights(plain, weights).blank).toBe(plain.blank);
  });

  it("pads with 0 where a dataset does not say what black is", () => {
    const { blank: _, ...rest } = { ...plain, blank: undefined };
    const bare: Dataset = {
      ...rest,
      size,
      read: (indices, inputs, targets) => plain.read(indices, inputs, targets),
    };
    const random = scripted([0, 0.5, 0.9]); // up by the whole height
    const [row] = rows(new AugmentedDataset(bare, { crop: { padding: height } }, random), [2]);
    expect([...(row as Float32Array)].every((value) => value === 0)).toBe(true);
  });

  it("refuses what is no picture", () => {
    const vectors = new ByteDataset({ inputs: new Uint8Array(4), inputShape: [2], labels: new Uint8Array(2) });
    const make = () => new AugmentedDataset(vectors, {}, keys.stream("augmentation"));
    expect(make).toThrow(DataError);
    expect(make).toThrow(/augmentation: examples of \[2\] given, pictures \[C, H, W\] allowed/);
  });
});

it("refuses changes that are none", () => {
  const dataset = new ByteDataset({ inputs: new Uint8Array(12), inputShape: [3, 2, 2], labels: new Int32Array(1) });
  const random = { uniform: () => 0 };
  const make = (change: object) => () => new AugmentedDataset(dataset, change, random);
  for (const padding of [-1, 1.5, Number.NaN, 1e9]) {
    expect(make({ crop: { padding } })).toThrow(/^augmentation\.crop\.padding must be an integer in \[0, 1024\]/);
  }
  for (const multiplicity of [0, 1.5, 2000]) {
    expect(make({ multiplicity })).toThrow(/^augmentation\.multiplicity must be an integer in \[1, 1024\]/);
  }
  expect(make({ crop: 4 })).toThrow(/^augmentation\.crop\.padding/);
  expect(make({ flip: "yes" })).toThrow(/^augmentation\.flip: got "yes"/);
});

const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));
const numbers = async (name: string) => Array.from((await readNpy(join(arrays, `${name}.npy`))).data, Number);

/** The fixtures' scan with its mask. */
const scan = async () =>
  new ArrayDataset({
    inputs: Float32Array.from(await numbers("scan")),
    inputShape: [1, 9, 14],
    targets: Int32Array.from(await numbers("mask")),
    targetShape: [9, 14],
  });

describe("parts resized", () => {
  it("are PyTorch's, and masks go with them", async () => {
    // Width 8 by height 5 of 14 by 9: area 40 of 126, ratio 8/5; then the place, of 5 by 7.
    const resize = { scale: [40 / 126, 40 / 126], ratio: [8 / 5, 8 / 5] } as const;
    const random = scripted([0.5, 0.5, 0.9, 0.5, 0.5, 2.5 / 5, 3.5 / 7]);
    const inputs = new Float32Array(126);
    const targets = new Int32Array(126);
    new AugmentedDataset(await scan(), { resize }, random).read([0], inputs, targets);
    const expected = await numbers("scan-part");
    inputs.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-4);
    });
    expect([...targets]).toEqual(await numbers("mask-part"));
  });

  it("have the shares, ratios and places that are asked for", async () => {
    // A plane of x and one of y: corners tell what was cut out.
    const side = 200;
    const place = Float32Array.from({ length: 2 * side * side }, (_, i) =>
      i < side * side ? i % side : Math.floor((i - side * side) / side),
    );
    const dataset = new ArrayDataset({ inputs: place, inputShape: [2, side, side], targets: new Int32Array(1) });
    const resize = { scale: [0.25, 0.5], ratio: [0.5, 2] } as const;
    const augmented = new AugmentedDataset(dataset, { resize }, keys.stream("augmentation"));
    const inputs = new Float32Array(place.length);
    const cuts = Array.from({ length: 200 }, () => {
      augmented.read([0], inputs, new Int32Array(1));
      const plane = side * side;
      const edge = (from: number, to: number) => (inputs[to] as number) - (inputs[from] as number) + 1;
      return { width: edge(0, side - 1), height: edge(plane, 2 * plane - 1), left: inputs[0] as number };
    });
    for (const { width, height } of cuts) {
      expect((width * height) / side ** 2).toBeGreaterThan(0.24);
      expect((width * height) / side ** 2).toBeLessThan(0.51);
      expect(width / height).toBeGreaterThan(0.48);
      expect(width / height).toBeLessThan(2.1);
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(cuts.map(({ width, height }) => Math.log(width / height)))).toBeCloseTo(0, 0);
    expect(mean(cuts.map(({ left, width }) => left / (side - width || 1)))).toBeCloseTo(0.5, 0);
  });

  it("are cut where they do not fit", async () => {
    const resize = { scale: [1, 1], ratio: [9, 9] } as const;
    const inputs = new Float32Array(126);
    new AugmentedDataset(await scan(), { resize }, keys.stream("augmentation")).read([0], inputs, new Int32Array(126));
    const original = await numbers("scan");
    // All 14 columns, and sqrt(126 / 9) of the rows.
    expect(Math.max(...inputs)).toBeLessThanOrEqual(Math.max(...original));
    expect([...inputs]).not.toEqual(original);
  });

  it.each([
    [
      { scale: [0, 1] },
      /^augmentation\.resize\.scale: got \[0,1\], expected two numbers above 0 and at most 1, the sm/,
    ],
    [{ scale: [0.5, 0.25] }, /^augmentation\.resize\.scale/],
    [{ scale: [0.5, 1.5] }, /^augmentation\.resize\.scale/],
    [{ scale: 0.5 }, /^augmentation\.resize\.scale: got 0\.5/],
    [{}, /^augmentation\.resize\.scale: got undefined/],
    [{ scale: [1, 1], ratio: [Number.NaN, 1] }, /^augmentation\.resize\.ratio/],
    [{ scale: [1, 1], ratio: [1, 1, 1] }, /^augmentation\.resize\.ratio/],
  ])("refuses %j", async (resize, message) => {
    const dataset = await scan();
    const make = () => new AugmentedDataset(dataset, { resize } as never, keys.stream("augmentation"));
    expect(make).toThrow(message);
  });
});

describe("targets on pixels", () => {
  it("are moved and mirrored with their picture, and ignored outside of it", () => {
    // Each pixel's class is its value, so that whatever happens to the picture must happen to the mask.
    const values = Uint8Array.from({ length: 2 * 35 }, (_, i) => 1 + i);
    const dataset = new ArrayDataset({
      inputs: values,
      inputShape: [1, 5, 7],
      targets: Int32Array.from(values),
      targetShape: [5, 7],
      normalization: { mean: 0, std: 1, divisor: 1 },
    });
    const changes = { crop: { padding: 3 }, flip: true };
    const augmented = new AugmentedDataset(dataset, changes, keys.stream("augmentation"), 255);
    const count = 200;
    const inputs = new Float32Array(35 * count);
    const targets = new Int32Array(35 * count);
    augmented.read(
      Array.from({ length: count }, (_, i) => i % 2),
      inputs,
      targets,
    );
    expect([...targets]).toEqual(Array.from(inputs, (value) => (value === 0 ? 255 : value)));
    expect(new Set(targets).size).toBe(71);
    expect(augmented.targetShape).toEqual([5, 7]);
  });

  it("are 0 outside where they are values, and stay where they have no place", () => {
    const options = { inputs: Uint8Array.of(1, 2, 3, 4), inputShape: [1, 2, 2] };
    const up = () => scripted([0, 0.5, 0.9]);
    const values = new ArrayDataset({ ...options, targets: Float32Array.of(1, 2, 3, 4), targetShape: [2, 2] });
    const moved = new Float32Array(4);
    new AugmentedDataset(values, { crop: { padding: 1 } }, up()).read([0], new Float32Array(4), moved);
    expect([...moved]).toEqual([3, 4, 0, 0]);
    const list = new ArrayDataset({ ...options, targets: Int32Array.of(1, 2, 3, 4), targetShape: [4] });
    const kept = new Int32Array(4);
    new AugmentedDataset(list, { crop: { padding: 1 } }, up()).read([0], new Float32Array(4), kept);
    expect([...kept]).toEqual([1, 2, 3, 4]);
  });
});
