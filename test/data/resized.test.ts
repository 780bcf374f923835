/** Pictures in arrays at another size: as torchvision resizes pictures of classes, as masks and theirs are resized else. */
import { describe, expect, it } from "vitest";
import { ArrayDataset } from "../../src/data/memory.js";
import { resizeDataset } from "../../src/data/resized.js";
import { numbers, sizes } from "./array-fixtures.js";

/** Two examples of two channels: the scan and what is left of it to 255, and the other way round. */
async function scans(perPixel: boolean): Promise<ArrayDataset> {
  const scan = await numbers("scan");
  const turned = scan.map((value) => 255 - value);
  const inputs = Uint8Array.from([...scan, ...turned, ...turned, ...scan]);
  const normalization = { mean: 0, std: 1, divisor: 1 };
  const shape = { inputs, inputShape: [2, 9, 14], normalization };
  if (!perPixel) return new ArrayDataset({ ...shape, targets: Uint8Array.of(3, 5) });
  const mask = await numbers("mask");
  return new ArrayDataset({ ...shape, targets: Int32Array.from([...mask, ...mask]), targetShape: [9, 14] });
}

function expectNear(got: Float32Array, expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] as number))).toBeLessThan(255 * 2 ** -23);
  });
}

describe.each(sizes)("%i × %i", (height, width) => {
  const plane = height * width;

  it.each([
    ["stretch", "antialiased"],
    ["crop", "cropped"],
  ] as const)("%s, as torchvision", async (resize, name) => {
    const dataset = resizeDataset(await scans(false), { size: [height, width], resize });
    expect(dataset).toMatchObject({ size: 2, inputShape: [2, height, width], targetElements: 1, blank: [0, 0] });
    const inputs = new Float32Array(5 * plane).fill(-1);
    const targets = new Int32Array(3).fill(-1);
    await dataset.read([1, 0], inputs, targets);
    const expected = await numbers(`scan-${height}x${width}-${name}`);
    expectNear(inputs.subarray(plane, 2 * plane), expected);
    expectNear(inputs.subarray(2 * plane, 3 * plane), expected);
    expectNear(
      inputs.subarray(3 * plane, 4 * plane),
      expected.map((value) => 255 - value),
    );
    expect([...inputs.subarray(4 * plane)]).toEqual(Array.from({ length: plane }, () => -1));
    expect([...targets]).toEqual([5, 3, -1]);
  });

  it("pictures and masks together, as a folder of them", async () => {
    const dataset = resizeDataset(await scans(true), { size: [height, width] });
    expect(dataset).toMatchObject({ targetShape: [height, width], targetElements: plane });
    const inputs = new Float32Array(2 * plane);
    const targets = new Int32Array(plane);
    await dataset.read([0], inputs, targets);
    expectNear(inputs.subarray(0, plane), await numbers(`scan-${height}x${width}`));
    expect([...targets]).toEqual(await numbers(`mask-${height}x${width}`));
  });
});

it("refuses what is no picture and no size", async () => {
  const vectors = new ArrayDataset({ inputs: new Uint8Array(6), inputShape: [3], targets: Uint8Array.of(0, 1) });
  expect(() => resizeDataset(vectors, { size: 4 })).toThrow(
    "size: examples are [3], pictures [C, H, W] alone can be resized",
  );
  const pictures = await scans(false);
  expect(() => resizeDataset(pictures, { size: 0 })).toThrow(/^size must be an integer in \[1, 16384\], got 0/);
  expect(() => resizeDataset(pictures, { size: 4, resize: "fit" as never })).toThrow(/^resize/);
  const masks = await scans(true);
  expect(() => resizeDataset(masks, { size: 4, resize: "crop" })).toThrow(/lie on pixels allow "stretch"/);
});
