import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AugmentedDataset } from "../../src/data/augment.js";
import { DataError, type Dataset, withWeights } from "../../src/data/dataset.js";
import { ByteDataset } from "../../src/data/memory.js";
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
  expect(make({ crop: 4 })).toThrow(/^augmentation\.crop\.padding/);
  expect(make({ flip: "yes" })).toThrow(/^augmentation\.flip: got "yes"/);
});
