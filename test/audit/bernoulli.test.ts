/** The probability with which an example is drawn, exactly, by asking the sampler about every 64-bit number in turn. */
import { expect, it } from "vitest";
import { PoissonSampler, type RandomWords } from "../../src/data/poisson.js";

type Sampler = (q: number, random: RandomWords) => { next(): { readonly length: number } };

const right: Sampler = (samplingRate, random) => new PoissonSampler({ datasetSize: 1, samplingRate, random });

/** A uniform number of 24 bits below q in float32, as a careless sampler has it. */
const float32: Sampler = (q, random) => ({
  next() {
    const word = new Uint32Array(1);
    random.fill(word);
    return { length: ((word[0] as number) >>> 8) * 2 ** -24 < Math.fround(q) ? 1 : 0 };
  },
});

/** How many of the 2⁶⁴ numbers draw the example: they are the smallest ones, up to the first that does not. */
function drawing(sampler: Sampler, q: number): bigint {
  const draws = (number: bigint): boolean => {
    const words = [Number(number >> 32n), Number(number & 0xffffffffn)];
    const random = { fill: (array: Uint32Array) => void array.set([words.shift() as number]) };
    return sampler(q, random).next().length === 1;
  };
  let [from, to] = [0n, 2n ** 64n];
  while (from < to) {
    const middle = (from + to) / 2n;
    if (draws(middle)) from = middle + 1n;
    else to = middle;
  }
  return from;
}

/** (p − q)/q, where float64 rounds q·2⁶⁴ by less than 2⁻⁵² of it. */
function relativeError(sampler: Sampler, q: number): number {
  const exact = BigInt(Math.round(q * 2 ** 64));
  return Number(drawing(sampler, q) - exact) / Number(exact);
}

it.each([1e-6, 1e-3, 1 / 3])("q = %d is drawn with probability q, to 2⁻⁶⁴ and never above", (q) => {
  const error = relativeError(right, q);
  expect(Math.abs(error) * q).toBeLessThanOrEqual(2 ** -53);
  expect(Math.abs(error)).toBeLessThan(2 ** -43);
});

it("a float32 sampler draws q = 1e-6 more often than accounted for, and is seen", () => {
  const error = relativeError(float32, 1e-6);
  expect(error * 1e-6).toBeGreaterThan(2 ** -53);
  expect(error).toBeCloseTo(17 / 2 ** 24 / 1e-6 - 1, 9);
});
