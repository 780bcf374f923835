import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resizeBilinear, resizeNearest } from "../../src/data/resize.js";
import { numbers, sizes } from "./array-fixtures.js";

describe("resizing as PyTorch does", () => {
  it.each(sizes)("to %i × %i", async (height, width) => {
    const scan = { values: await numbers("scan"), start: 0, height: 9, width: 14 };
    const bilinear = new Float32Array(height * width);
    resizeBilinear(scan, { values: bilinear, start: 0, height, width });
    const expected = await numbers(`scan-${height}x${width}`);
    bilinear.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(255 * 2 ** -23);
    });
    const nearest = new Int32Array(height * width);
    resizeNearest({ ...scan, values: await numbers("mask") }, { values: nearest, start: 0, height, width });
    expect([...nearest]).toEqual(await numbers(`mask-${height}x${width}`));
  });
});

const side = fc.integer({ min: 1, max: 12 });
const plane = fc.record({ height: side, width: side }).chain(({ height, width }) =>
  fc.record({
    height: fc.constant(height),
    width: fc.constant(width),
    values: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: height * width, maxLength: height * width }),
  }),
);

describe("resizing anything", () => {
  it("stays within what was there, touches nothing beside, and takes no value that was not there where it is nearest", () => {
    fc.assert(
      fc.property(plane, side, side, fc.nat(3), ({ values, ...from }, height, width, start) => {
        const padded = { values: [...Array(start).fill(999), ...values, 999], start, ...from };
        const bilinear = new Float32Array(start + height * width + 1).fill(-999);
        const nearest = new Int32Array(start + height * width + 1).fill(-999);
        resizeBilinear(padded, { values: bilinear, start, height, width });
        resizeNearest(padded, { values: nearest, start, height, width });
        const inside = bilinear.subarray(start, -1);
        expect(Math.min(...inside)).toBeGreaterThanOrEqual(Math.min(...values) - 1e-5);
        expect(Math.max(...inside)).toBeLessThanOrEqual(Math.max(...values) + 1e-5);
        for (const value of nearest.subarray(start, -1)) expect(values).toContain(value);
        for (const written of [bilinear, nearest]) {
          expect([...written.subarray(0, start), written.at(-1)]).toEqual(Array(start + 1).fill(-999));
        }
      }),
    );
  });
});
