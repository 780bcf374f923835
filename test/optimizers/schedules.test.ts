import { describe, expect, it } from "vitest";
import {
  constant,
  cosine,
  epochs,
  linear,
  linearWarmUp,
  scheduleFromJSON,
  scheduleSchema,
  step,
} from "../../src/optimizers/schedules/index.js";

const factors = (schedule: ReturnType<typeof constant>, total: number) =>
  Array.from({ length: total }, (_, stepsTaken) => schedule.factor(stepsTaken, total));

describe("schedules", () => {
  it("constant leaves the rate alone", () => {
    expect(factors(constant(), 3)).toEqual([1, 1, 1]);
  });

  it("step multiplies every so many steps", () => {
    expect(factors(step({ every: 2, factor: 0.5 }), 6)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  it("cosine goes from 1 to its final factor and stays there", () => {
    const schedule = cosine({ final: 0.2 });
    expect(schedule.factor(0, 100)).toBe(1);
    expect(schedule.factor(50, 100)).toBeCloseTo(0.6, 12);
    expect(schedule.factor(25, 100)).toBeCloseTo(0.2 + (0.8 * (1 + Math.SQRT1_2)) / 2, 12);
    expect(schedule.factor(100, 100)).toBeCloseTo(0.2, 12);
    expect(schedule.factor(150, 100)).toBeCloseTo(0.2, 12);
    expect(schedule.factor(0, 0)).toBeCloseTo(0.2, 12);
  });

  it("linear goes straight to its final factor and stays there", () => {
    expect(factors(linear({ final: 0.5 }), 4)).toEqual([1, 0.875, 0.75, 0.625]);
    expect(linear({ final: 3 }).factor(5, 10)).toBe(2);
    expect(linear().factor(20, 10)).toBe(0);
  });

  it("epochs holds a factor for every epoch, the last one for those that follow", () => {
    const schedule = epochs({ factors: [2, 1, 0.5] });
    expect([0, 1, 2, 3, 4, 5, 99].map((step) => schedule.factor(step, 100, 2))).toEqual([2, 2, 1, 1, 0.5, 0.5, 0.5]);
    expect(factors(schedule, 3)).toEqual([2, 2, 2]);
  });

  it("linear warm-up never starts at 0 and hands over at 1", () => {
    expect(factors(linearWarmUp({ steps: 4 }), 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    const schedule = linearWarmUp({ steps: 10, next: cosine() });
    expect(schedule.factor(9, 110)).toBe(1);
    expect(schedule.factor(10, 110)).toBe(1);
    expect(schedule.factor(60, 110)).toBeCloseTo(0.5, 12);
    expect(schedule.factor(110, 110)).toBeCloseTo(0, 12);
    expect(linearWarmUp({ steps: 10, next: cosine() }).factor(10, 5)).toBeCloseTo(0, 12);
  });

  it.each([
    constant(),
    step({ every: 30 }),
    cosine({ final: 0.1 }),
    linear({ final: 0.25 }),
    epochs({ factors: [1, 0.5] }),
    linearWarmUp({ steps: 5, next: step({ every: 2 }) }),
  ])("$type survives JSON", (schedule) => {
    const back = scheduleFromJSON(JSON.parse(JSON.stringify(schedule)));
    expect(factors(back, 20)).toEqual(factors(schedule, 20));
    expect(scheduleSchema.parse(schedule.toJSON())).toEqual(schedule.toJSON());
  });

  it.each([
    [() => step({ every: 0 }), /step\.every.*got 0/],
    [() => step({ every: 1.5 }), /step\.every.*got 1.5/],
    [() => cosine({ final: 2 }), /cosine\.final.*got 2/],
    [() => linearWarmUp({ steps: -1 }), /linearWarmUp\.steps.*got -1/],
    [
      () => scheduleFromJSON({ type: "linearWarmUp", steps: 3, next: { type: "linearWarmUp", steps: 2 } }),
      /constant, step, linear, cosine/,
    ],
    [() => scheduleFromJSON({ type: "poly" }), /"poly".*constant, step, linear, cosine, epochs, linearWarmUp/],
  ])("refuses what is impossible, %#", (make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});
