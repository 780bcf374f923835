import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PoissonSampler, type RandomWords, samplingThreshold } from "../../src/data/poisson.js";
import { RandomKeys } from "../../src/privacy/random.js";

const seeded = (seed: number): RandomWords => new RandomKeys(seed).stream("sampling");

/** Gives out the listed words, one after the other. */
function scripted(...script: number[]): RandomWords {
  let next = 0;
  return {
    fill(words) {
      for (let i = 0; i < words.length; i++) {
        const word = script[next++];
        if (word === undefined) throw new Error("the sampler drew more words than expected");
        words[i] = word;
      }
    },
  };
}

const sampler = (datasetSize: number, samplingRate: number, random: RandomWords) =>
  new PoissonSampler({ datasetSize, samplingRate, random });

describe("the threshold", () => {
  it("is ⌊q·2⁶⁴⌋, never above q", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (q) => {
        const { high, low } = samplingThreshold(q);
        const threshold = BigInt(high) * 2n ** 32n + BigInt(low);
        // q = m·2⁻¹⁰⁷⁴ exactly, for a whole number m.
        const exact = (scaledBits(q) * 2n ** 64n) / 2n ** 1074n;
        expect(threshold).toBe(exact);
      }),
    );
  });

  it("keeps what float32 would lose of 1e-6", () => {
    const { high, low } = samplingThreshold(1e-6);
    const threshold = (high * 2 ** 32 + low) / 2 ** 64;
    expect(threshold / 1e-6 - 1).toBeLessThanOrEqual(0);
    expect(threshold / 1e-6 - 1).toBeGreaterThan(-1e-12);
    expect(Math.abs(Math.fround(1e-6) / 1e-6 - 1)).toBeGreaterThan(1e-9);
  });
});

/** The double `q` in units of 2⁻¹⁰⁷⁴. */
function scaledBits(q: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, q);
  const bits = view.getBigUint64(0);
  const exponent = bits >> 52n;
  const fraction = bits & (2n ** 52n - 1n);
  return exponent === 0n ? fraction : (fraction + 2n ** 52n) << (exponent - 1n);
}

describe("a draw", () => {
  const { high, low } = samplingThreshold(1e-6);

  it("is decided by the upper word alone wherever that is enough", () => {
    expect([...sampler(4, 1e-6, scripted(high - 1, high + 1, 0, 2 ** 32 - 1)).next()]).toEqual([0, 2]);
  });

  it("is decided by 32 more bits on a tie", () => {
    expect([...sampler(1, 1e-6, scripted(high, low - 1)).next()]).toEqual([0]);
    expect([...sampler(1, 1e-6, scripted(high, low)).next()]).toEqual([]);
  });

  it("takes everything at q = 1 and nothing at q = 0", () => {
    const extremes = [0, 1, 2 ** 31, 2 ** 32 - 1];
    expect([...sampler(4, 1, scripted(...extremes)).next()]).toEqual([0, 1, 2, 3]);
    // A word of 0 ties with the threshold's upper word; its lower word is 0 too, and nothing is below it.
    expect([...sampler(4, 0, scripted(...extremes, 0)).next()]).toEqual([]);
  });

  it("takes nothing from nothing", () => {
    expect([...sampler(0, 0.5, scripted()).next()]).toEqual([]);
  });
});

describe("samples", () => {
  const size = 60_000;
  const rate = 256 / size;

  it("have binomial sizes, every example as often as any other", () => {
    const steps = 2000;
    const source = sampler(size, rate, seeded(1));
    const counts = new Uint32Array(size);
    const sizes: number[] = [];
    for (let step = 0; step < steps; step++) {
      const sample = source.next();
      sizes.push(sample.length);
      for (const index of sample) counts[index] = (counts[index] ?? 0) + 1;
    }
    const mean = sizes.reduce((sum, value) => sum + value, 0) / steps;
    const variance = sizes.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (steps - 1);
    const expectedVariance = size * rate * (1 - rate);
    expect(Math.abs(mean - 256)).toBeLessThan(5 * Math.sqrt(expectedVariance / steps));
    expect(Math.abs(variance / expectedVariance - 1)).toBeLessThan(5 * Math.sqrt(2 / steps));
    // χ² over the examples' counts, by its normal approximation.
    const perExample = steps * rate;
    const chiSquare = counts.reduce((sum, count) => sum + (count - perExample) ** 2 / (perExample * (1 - rate)), 0);
    expect(Math.abs(chiSquare - size)).toBeLessThan(5 * Math.sqrt(2 * size * (1 + 1 / (2 * perExample))));
  });

  it("are independent from step to step and from example to example", () => {
    const steps = 20_000;
    const examples = 64;
    const q = 0.3;
    const source = sampler(examples, q, seeded(2));
    let previous = new Float64Array(examples);
    let acrossSteps = 0;
    let acrossExamples = 0;
    for (let step = 0; step < steps; step++) {
      const centred = new Float64Array(examples).fill(-q);
      for (const index of source.next()) centred[index] = 1 - q;
      for (let i = 0; i < examples; i++) {
        acrossSteps += (centred[i] ?? 0) * (previous[i] ?? 0);
        acrossExamples += (centred[i] ?? 0) * (centred[(i + 1) % examples] ?? 0);
      }
      previous = centred;
    }
    const bound = 5 * q * (1 - q) * Math.sqrt(steps * examples);
    expect(Math.abs(acrossSteps)).toBeLessThan(bound);
    expect(Math.abs(acrossExamples)).toBeLessThan(bound);
  });

  it("have the right size at q = 1e-6 of ten million", () => {
    const source = sampler(10_000_000, 1e-6, seeded(3));
    let total = 0;
    for (let step = 0; step < 10; step++) total += source.next().length;
    expect(Math.abs(total - 100)).toBeLessThan(5 * Math.sqrt(100));
  });

  it("are ascending indices within the data, larger than a block of draws too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70_000 }), fc.constantFrom(0.001, 0.3, 0.99, 1), (datasetSize, q) => {
        const sample = sampler(datasetSize, q, seeded(4)).next();
        expect(sample.every((index, i) => i === 0 || index > (sample[i - 1] as number))).toBe(true);
        expect(sample.at(-1) ?? 0).toBeLessThan(datasetSize);
        if (q === 1) expect(sample.length).toBe(datasetSize);
      }),
      { numRuns: 15 },
    );
  });

  it("repeat with the seed and differ without", () => {
    const draw = (seed: number) => {
      const source = sampler(size, rate, seeded(seed));
      return [...source.next(), ...source.next()];
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it("come without end from the iterator, in one buffer", () => {
    const buffers = new Set<ArrayBufferLike>();
    let steps = 0;
    for (const sample of sampler(1000, 0.1, seeded(7))) {
      buffers.add(sample.buffer);
      if (++steps === 100) break;
    }
    expect(buffers.size).toBe(1);
  });
});

describe("what the accountant assumes", () => {
  it("comes from the sampler", () => {
    const source = sampler(1000, 0.1, seeded(8));
    expect(source.mechanism(1.5)).toEqual({ samplingRate: 0.1, noiseMultiplier: 1.5 });
    expect(() => source.mechanism(-1)).toThrow("noiseMultiplier");
  });

  it.each([
    [{ datasetSize: -1 }, "datasetSize must be an integer in [0, 4294967295], got -1"],
    [{ datasetSize: 1.5 }, "datasetSize"],
    [{ samplingRate: 1.1 }, "samplingRate must be a number in [0, 1], got 1.1"],
  ])("refuses %j", (wrong, message) => {
    const right = { datasetSize: 10, samplingRate: 0.5, random: seeded(9) };
    expect(() => new PoissonSampler({ ...right, ...wrong })).toThrow(message);
  });
});
