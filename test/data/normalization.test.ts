import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { Normalizer, publishedNormalizations } from "../../src/data/normalization.js";

describe("Normalizer", () => {
  const write = (normalizer: Normalizer, bytes: number[]): number[] => {
    const floats = new Float32Array(bytes.length);
    normalizer.write(Uint8Array.from(bytes), 0, floats, 0);
    return [...floats];
  };

  it("takes one of each, or one a channel", () => {
    const one = new Normalizer({ mean: 0.5, std: 0.25 }, [2, 1, 2]);
    expect(write(one, [0, 255, 0, 255])).toEqual([-2, 2, -2, 2]);
    const each = new Normalizer({ mean: [0.5, 1], std: [0.25, 2] }, [2, 1, 2]);
    expect(write(each, [0, 255, 0, 255])).toEqual([-2, 2, -0.5, 0]);
    expect(each.blank).toEqual([-2, -0.5]);
    expect(write(new Normalizer({ mean: [0.5], std: 1 }, [3]), [0, 255, 0])).toEqual([-0.5, 0.5, -0.5]);
  });

  it("refuses what does not fit", () => {
    expect(() => new Normalizer({ mean: [0, 0], std: 1 }, [3, 2, 2])).toThrow(DataError);
    expect(() => new Normalizer({ mean: [0, 0], std: 1 }, [3, 2, 2])).toThrow(
      /normalization\.mean: 2 numbers given, 1 or one a channel \(3\) allowed/,
    );
    expect(() => new Normalizer({ mean: 0, std: [1, 0, 1] }, [3, 2, 2])).toThrow(/std: 0 given/);
    expect(() => new Normalizer({ mean: 0, std: 1, divisor: 0 }, [1])).toThrow(/divisor: 0 given, a number above 0/);
    expect(() => new Normalizer({ mean: Number.NaN, std: 1 }, [1])).toThrow(/mean: NaN given/);
  });

  it("offers constants that fit three channels", () => {
    for (const name of ["cifar10", "cifar100", "imagenet"] as const) {
      expect(() => new Normalizer(publishedNormalizations[name], [3, 8, 8])).not.toThrow();
    }
  });
});
