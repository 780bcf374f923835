/** Odometers: whoever chooses the steps by what they see exceeds the reading, at any time, with probability δ at most. */
import { describe, expect, it } from "vitest";
import type { SampledGaussian } from "../../src/privacy/mechanism.js";
import { PrivacyOdometer } from "../../src/privacy/odometer.js";
import { PrvAccountant } from "../../src/privacy/prv.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

/** Uniform in (0, 1): mulberry32. */
function uniforms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** log(P/Q) of one output of a step on data with the example. */
function lossOfStep({ samplingRate: q, noiseMultiplier: sigma }: SampledGaussian, uniform: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const seen = (uniform() < q ? 1 : 0) + sigma * normal;
  return Math.log1p(q * Math.expm1((2 * seen - 1) / (2 * sigma * sigma)));
}

type Chooser = (loss: number, reading: number, step: number) => SampledGaussian | undefined;

/** The share of `paths` on which the loss is above the reading at some time. */
function exceeded(delta: number, choose: Chooser, paths: number, orders?: readonly number[]): number {
  const uniform = uniforms(17);
  let count = 0;
  for (let path = 0; path < paths; path++) {
    const odometer = new PrivacyOdometer({ delta, orders });
    let loss = 0;
    for (let step = 0; step < 60; step++) {
      const mechanism = choose(loss, odometer.epsilon(), step);
      if (!mechanism) break;
      odometer.spend(mechanism);
      loss += lossOfStep(mechanism, uniform);
      if (loss <= odometer.epsilon()) continue;
      count++;
      break;
    }
  }
  return count / paths;
}

const loud = { samplingRate: 1, noiseMultiplier: 1.5 };
const quiet = { samplingRate: 1, noiseMultiplier: 8 };

describe("a privacy odometer", () => {
  const delta = 0.05;
  const paths = 2000;
  const most = delta + 3 * Math.sqrt((delta * (1 - delta)) / paths);

  it.each<[string, Chooser]>([
    ["never looks", () => quiet],
    ["gambles while it is behind", (loss, reading) => (loss < reading / 2 ? loud : quiet)],
    ["gambles when it is near", (loss, reading) => (loss > reading / 2 ? loud : quiet)],
    ["samples more as it sees more", (loss) => ({ samplingRate: loss > 0.5 ? 1 : 0.3, noiseMultiplier: 2 })],
  ])("holds at all times against one who %s", (_, choose) => {
    // One order pays for no others: its bound is nearer than that of several.
    for (const orders of [[2], [4], [2, 4, 8]])
      expect(exceeded(delta, choose, paths, orders)).toBeLessThanOrEqual(most);
  });

  it("is not idle: half of what one order says is exceeded more often than δ", () => {
    const halved: Chooser = () => quiet;
    const uniform = uniforms(5);
    let count = 0;
    for (let path = 0; path < paths; path++) {
      const odometer = new PrivacyOdometer({ delta, orders: [4] });
      let loss = 0;
      for (let step = 0; step < 60; step++) {
        odometer.spend(halved(loss, 0, step) as SampledGaussian);
        loss += lossOfStep(quiet, uniform);
        if (loss > odometer.epsilon() / 2) {
          count++;
          break;
        }
      }
    }
    expect(count / paths).toBeGreaterThan(delta);
  });

  it("reads no less than planned steps cost, and at most half as much again as their moments", () => {
    for (const [mechanism, count, rate] of [
      [{ samplingRate: 0.01, noiseMultiplier: 1 }, 2000, 1e-5],
      [{ samplingRate: 0.004, noiseMultiplier: 1.1 }, 3750, 1e-6],
      [{ samplingRate: 1, noiseMultiplier: 10 }, 100, 1e-8],
      [{ samplingRate: 0.02, noiseMultiplier: 2, relation: "replace-one" }, 1000, 1e-5],
    ] as const) {
      const odometer = new PrivacyOdometer({ delta: rate });
      odometer.spend(mechanism, count);
      expect(odometer.epsilon()).toBeGreaterThanOrEqual(new PrvAccountant().epsilonAfter(mechanism, count, rate));
      expect(odometer.epsilon()).toBeLessThan(1.5 * new RdpAccountant().epsilonAfter(mechanism, count, rate));
    }
  });

  it("starts at 0, adds up however steps are handed in, never falls, and tells what would be", () => {
    const step = { samplingRate: 0.01, noiseMultiplier: 1 };
    const [one, many] = [new PrivacyOdometer({ delta: 1e-5 }), new PrivacyOdometer({ delta: 1e-5 })];
    expect(one.epsilon()).toBe(0);
    one.spend(step, 0);
    one.spend({ samplingRate: 0, noiseMultiplier: 1 }, 10);
    expect(one.epsilon()).toBe(0);
    const told = one.epsilonAfter(step, 100);
    one.spend(step, 100);
    let before = 0;
    for (let i = 0; i < 100; i++) {
      many.spend(step);
      expect(many.epsilon()).toBeGreaterThanOrEqual(before);
      before = many.epsilon();
    }
    expect(one.epsilon()).toBe(told);
    expect(many.epsilon() / told).toBeCloseTo(1, 12);
    one.spend({ samplingRate: 0.1, noiseMultiplier: 0 });
    expect(one.epsilon()).toBe(Number.POSITIVE_INFINITY);
  });

  it("names what is out of range", () => {
    expect(() => new PrivacyOdometer({ delta: 0 })).toThrow("delta must be a number in (0, 1), got 0");
    expect(() => new PrivacyOdometer({ delta: 0.1, orders: [1] })).toThrow("orders[0] must be");
    expect(() => new PrivacyOdometer({ delta: 0.1, epsilon: 1 } as never)).toThrow(/^options: got the unknown/);
    const odometer = new PrivacyOdometer({ delta: 1e-5 });
    expect(() => odometer.spend({ samplingRate: 2, noiseMultiplier: 1 })).toThrow("samplingRate must be");
    expect(() => odometer.spend(loud, 1.5)).toThrow("count must be an integer");
    expect(() => odometer.spend({ ...loud, steps: 1000 } as never)).toThrow(
      "count: got 1, but the mechanism says 1000",
    );
    expect(() => odometer.spend({ ...loud, failure: 0.1 })).toThrow("failure must be 0");
    expect(() => odometer.spend({ ...loud, relations: "replace-one" } as never)).toThrow(/^mechanism: got the unknown/);
    expect(odometer.epsilon()).toBe(0);
  });
});
