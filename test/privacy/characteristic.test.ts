/** ε by characteristic functions: against references, against the lattices that share nothing with it, and its own bounds. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { characteristicInterval } from "../../src/privacy/characteristic/interval.js";
import { LossSpread } from "../../src/privacy/characteristic/loss-spread.js";
import { LinePlanner } from "../../src/privacy/characteristic/plan.js";
import { type Tilt, tiltedStep } from "../../src/privacy/characteristic/tilted-step.js";
import { gaussianInterval } from "../../src/privacy/gaussian.js";
import { epsilonInterval } from "../../src/privacy/lattice/interval.js";
import type { MechanismSteps } from "../../src/privacy/mechanism.js";
import { RdpAccountant } from "../../src/privacy/rdp.js";

interface Reference extends MechanismSteps {
  readonly delta: number;
  readonly epsilon: number;
  readonly by?: "contour" | "tilted-fft";
  readonly kind?: "replace-one" | "fixed-size";
}

function referencesOf(file: string): Reference[] {
  const path = new URL(`../fixtures/accounting/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { settings: Reference[] }).settings;
}

const references = [
  ...referencesOf("pld.json"),
  ...referencesOf("relations.json")
    .filter(({ kind }) => kind === "replace-one")
    .map((row): Reference => ({ ...row, relation: "replace-one" })),
].filter(({ samplingRate }) => samplingRate < 1);

function interval(rows: readonly MechanismSteps[], delta: number) {
  const accountant = new RdpAccountant();
  for (const { steps, ...mechanism } of rows) accountant.step(mechanism, steps);
  const { epsilon, order } = accountant.report(delta);
  return characteristicInterval(rows, delta, { epsilon, order: order as number });
}

function rowOf({ samplingRate, noiseMultiplier, steps, relation }: Reference): MechanismSteps {
  return { samplingRate, noiseMultiplier, steps, ...(relation ? { relation } : {}) };
}

describe("ε by the characteristic function", () => {
  const found = references.map((reference) => ({
    reference,
    bounds: interval([rowOf(reference)], reference.delta),
  }));
  const answered = found.filter(({ bounds }) => Number.isFinite(bounds.upper));

  it("answers most of the settings of the references, and those of many steps but where next to none draws the example", () => {
    expect(answered.length).toBeGreaterThanOrEqual(150);
    for (const { reference, bounds } of found) {
      if (reference.steps * reference.samplingRate > 300) expect(bounds.upper - bounds.lower).toBeLessThan(1e-4);
    }
  });

  it.each(answered)(
    "is never below the reference, and next to it: q $reference.samplingRate σ $reference.noiseMultiplier T $reference.steps",
    ({ reference: { epsilon, by = "contour" }, bounds }) => {
      const off = { contour: 1e-6, "tilted-fft": 1e-4 }[by];
      expect(bounds.upper).toBeGreaterThanOrEqual(epsilon - off);
      expect(bounds.upper).toBeLessThanOrEqual(epsilon + 2e-6 + off);
      expect(bounds.lower).toBeLessThanOrEqual(epsilon + off);
    },
  );

  it("has bounds that meet those of the lattices, for mechanisms of all kinds together", () => {
    const row = fc.record({
      samplingRate: fc.double({ min: -3, max: -0.3, noNaN: true }).map((log) => 10 ** log),
      noiseMultiplier: fc.double({ min: -0.3, max: 1, noNaN: true }).map((log) => 10 ** log),
      steps: fc.double({ min: 0, max: 4, noNaN: true }).map((log) => Math.round(10 ** log)),
      relation: fc.constantFrom(undefined, "replace-one" as const),
    });
    const whole = { samplingRate: 1, noiseMultiplier: 20, steps: 1 };
    const many = { samplingRate: 0.02, noiseMultiplier: 1.5, steps: 3000 };
    const deltas = fc.constantFrom(1e-3, 1e-5, 1e-8, 1e-11);
    let compared = 0;
    fc.assert(
      fc.property(fc.array(row, { maxLength: 3 }), fc.boolean(), deltas, (rows, hasWhole, delta) => {
        const all = [many, ...rows, ...(hasWhole ? [whole] : [])];
        const ours = interval(all, delta);
        if (!Number.isFinite(ours.upper)) return;
        const lattices = epsilonInterval(all, delta, 1e-2);
        compared++;
        expect(ours.lower).toBeLessThanOrEqual(ours.upper);
        expect(ours.lower).toBeLessThanOrEqual(lattices.upper);
        expect(ours.upper).toBeGreaterThanOrEqual(lattices.lower);
      }),
      { numRuns: 40, seed: 11, endOnFailure: true },
    );
    expect(compared).toBeGreaterThanOrEqual(20);
  });

  it("of Gaussians alone is theirs", () => {
    const rows = [0.5, 7, 30].map((noiseMultiplier) => ({ samplingRate: 1, noiseMultiplier, steps: 3 }));
    const mu = Math.sqrt(rows.reduce((sum, { noiseMultiplier, steps }) => sum + steps / noiseMultiplier ** 2, 0));
    const exact = gaussianInterval(mu, 1e-6);
    const { lower, upper } = interval(rows, 1e-6);
    expect(upper).toBeGreaterThanOrEqual(exact.lower);
    expect(lower).toBeLessThanOrEqual(exact.upper);
    expect(upper - lower).toBeLessThan(1e-5);
  });

  it("is tight where a thousand mechanisms differ", () => {
    const rows = Array.from({ length: 1000 }, (_, i) => ({
      samplingRate: 0.01,
      noiseMultiplier: 0.8 + i * 6e-4,
      steps: 4,
    }));
    const { lower, upper } = interval(rows, 1e-5);
    expect(upper - lower).toBeLessThan(1e-5);
    const ends = [0.8, 1.4].map((noiseMultiplier) =>
      interval([{ samplingRate: 0.01, noiseMultiplier, steps: 4000 }], 1e-5),
    );
    expect(upper).toBeLessThan(ends[0]?.upper as number);
    expect(lower).toBeGreaterThan(ends[1]?.lower as number);
  });

  it("is tight where hundreds of mechanisms have nothing in common", () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({
      samplingRate: 0.001 * 300 ** ((i * 0.618) % 1),
      noiseMultiplier: 0.6 * 16 ** ((i * 0.414) % 1),
      steps: 1 + ((i * 37) % 100),
    }));
    const { lower, upper } = interval(rows, 1e-6);
    expect(upper - lower).toBeLessThan(1e-5 * upper);
  });

  it("sums no more for a million steps than for a thousand", () => {
    const work = (steps: number) => {
      const row = { samplingRate: 0.01, noiseMultiplier: 2, steps };
      const planner = new LinePlanner([row], "remove", 1e-5, steps === 1000 ? 20 : 1);
      return planner.plan(planner.tiltedGuess() as number)?.work as number;
    };
    expect(work(1_000_000)).toBeLessThanOrEqual(work(1000));
  });

  it.each([
    ["samples of fixed size", { samplingRate: 0.01, noiseMultiplier: 1, steps: 1e5, sample: "fixed-size" as const }],
    ["few steps that draw the example", { samplingRate: 1e-6, noiseMultiplier: 1, steps: 10 }],
    ["next to no noise", { samplingRate: 0.01, noiseMultiplier: 1e-4, steps: 1e5 }],
  ])("leaves %s to others", (_, row) => {
    expect(interval([row], 1e-5).upper).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a step's characteristic function", () => {
  const steps = fc.record({
    samplingRate: fc.double({ min: -4, max: -0.05, noNaN: true }).map((log) => 10 ** log),
    noiseMultiplier: fc.double({ min: -0.4, max: 1.3, noNaN: true }).map((log) => 10 ** log),
    relation: fc.constantFrom(undefined, "replace-one" as const),
  });
  const tilts = fc.record({
    direction: fc.constantFrom("remove" as const, "add" as const),
    tilt: fc.double({ min: -2, max: 1.5, noNaN: true }).map((log) => 10 ** log),
    cut: fc.double({ min: -1, max: 3, noNaN: true }).map((log) => 10 ** log),
  });

  it("is within its error of what a finer rule gives, and below its decay from there on", () => {
    let compared = 0;
    fc.assert(
      fc.property(steps, tilts, (mechanism, tilt: Tilt) => {
        const step = tiltedStep(mechanism, tilt);
        // A rule made for larger frequencies has more nodes.
        const finer = tiltedStep(mechanism, { ...tilt, cut: tilt.cut * 4 });
        if (!step || !finer) return;
        compared++;
        const COUNT = 33;
        const make = () => new Float64Array(COUNT);
        const [re, im, finerRe, finerIm] = [make(), make(), make(), make()];
        const spacing = tilt.cut / (COUNT - 1);
        step.fill(spacing, re, im);
        finer.fill(spacing, finerRe, finerIm);
        expect(Math.abs(step.logMoment - finer.logMoment)).toBeLessThanOrEqual(step.momentError + finer.momentError);
        let most = 0;
        for (let j = COUNT - 1; j >= 0; j--) {
          const frequency = j * spacing;
          const off = step.error(frequency) + finer.error(frequency);
          const turned = frequency * (step.mean - finer.mean);
          const [x, y] = [1 + (finerRe[j] as number), finerIm[j] as number];
          // Centred at its own mean.
          const [shiftedRe, shiftedIm] = [
            x * Math.cos(turned) + y * Math.sin(turned),
            y * Math.cos(turned) - x * Math.sin(turned),
          ];
          const apart = Math.hypot(1 + (re[j] as number) - shiftedRe, (im[j] as number) - shiftedIm);
          expect(apart).toBeLessThanOrEqual(off + 2 ** -50);
          most = Math.max(most, Math.hypot(1 + (re[j] as number), im[j] as number));
          expect(most).toBeLessThanOrEqual(Math.exp(-step.decay(frequency)) + off + 2 ** -50);
        }
      }),
      { numRuns: 200, seed: 3, endOnFailure: true },
    );
    expect(compared).toBeGreaterThanOrEqual(150);
  });
});

describe("a step of the whole data", () => {
  it.each([1e-9, 8.9e-6, 0.1, 3])("has the moment of both directions at tilt %d, however small", (tilt) => {
    const [remove, add] = (["remove", "add"] as const).map((direction) =>
      tiltedStep({ samplingRate: 1, noiseMultiplier: 1e-3 }, { direction, tilt, cut: 0 }),
    );
    expect(remove?.logMoment).toBe(add?.logMoment);
    expect(remove?.logMoment).toBeCloseTo(tilt * (1 + tilt) * 5e5, 6 - Math.max(0, Math.log10(tilt * 5e5)));
  });
});

describe("the spread of a density", () => {
  it("counts no more mass than there is, and falls as fast as its characteristic function at most", () => {
    const stretch = fc.record({
      length: fc.double({ min: 0.01, max: 2, noNaN: true }),
      density: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 30 }), (stretches) => {
        const mass = stretches.reduce((sum, { length, density }) => sum + length * density, 0);
        const scaled = stretches.map(({ length, density }) => ({ length, density: density / Math.max(mass, 1e-9) }));
        const spread = new LossSpread(scaled);
        expect(spread.decay(1e12)).toBeLessThanOrEqual(1);
        for (const frequency of [0.01, 0.3, 1, 4]) {
          // A piecewise constant density's, in closed form.
          let [re, im, from] = [0, 0, 0];
          for (const { length, density } of scaled) {
            const to = from + length;
            re += (density * (Math.sin(frequency * to) - Math.sin(frequency * from))) / frequency;
            im -= (density * (Math.cos(frequency * to) - Math.cos(frequency * from))) / frequency;
            from = to;
          }
          expect(1 - spread.decay(frequency)).toBeGreaterThanOrEqual(Math.hypot(re, im) - 1e-12);
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
