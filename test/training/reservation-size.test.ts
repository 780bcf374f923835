import { describe, expect, it } from "vitest";
import { largestReservation, ReservationSize } from "../../src/training/reservation-size.js";

const cost = (busy: number, whole = busy) => ({ busy, whole });

/** Takes steps on a clock of its own, blocks written as `Reservations` has them written; gives what was waited for. */
function simulate(size: ReservationSize, steps: number, stepMs: () => number, writeMs: () => number) {
  let now = 0;
  let waited = 0;
  let largest = 0;
  let ahead = 0; // steps on disk that are not taken yet
  let block = 0;
  let writing: { readonly count: number; readonly done: number; readonly took: number } | undefined;
  const begin = () => {
    const took = writeMs();
    writing ??= { count: size.next(), done: now + took, took };
  };
  const arrive = () => {
    if (!writing || writing.done > now) return;
    ahead += writing.count;
    block = writing.count;
    largest = Math.max(largest, block);
    size.cost(cost(0, writing.took));
    writing = undefined;
  };
  for (let step = 0; step < steps; step++) {
    arrive();
    if (ahead === 0) {
      begin();
      const until = Math.max(now, writing?.done ?? now);
      if (step > 0) waited += until - now;
      now = until;
      arrive();
    }
    if (ahead <= size.lead(block)) begin();
    const took = stepMs();
    size.step(took);
    now += took;
    ahead--;
  }
  return { waited, whole: now, largest };
}

describe("ReservationSize", () => {
  it.each([0.05, 1, 10, 200])("has steps of 1 ms wait for at most 1 %% on a disk that takes %d ms", (writeMs) => {
    const size = new ReservationSize(100_000 / 16);
    const { waited, whole } = simulate(
      size,
      100_000,
      () => 1,
      () => writeMs,
    );
    expect(waited).toBeLessThanOrEqual(0.01 * whole);
  });

  it("does so where the first step is slow and the disk's times vary a hundredfold", () => {
    let step = 0;
    let sync = 0;
    const { waited, whole } = simulate(
      new ReservationSize(1e9),
      100_000,
      () => (step++ === 0 ? 80 : 1),
      () => (sync++ % 7 === 3 ? 150 : 1.5),
    );
    expect(waited).toBeLessThanOrEqual(0.01 * whole);
  });

  it("never more than its largest, than a minute of steps, or than it must", () => {
    const largestOf = (largest: number, stepMs: number, writeMs: number) =>
      simulate(
        new ReservationSize(largest),
        2000,
        () => stepMs,
        () => writeMs,
      ).largest;
    expect(largestOf(30, 1, 100)).toBe(30);
    expect(largestOf(1e9, 100, 1e6)).toBe(600);
    expect(largestOf(1e9, 100, 1)).toBe(10); // a second of steps
    expect(largestOf(2, 90_000, 1)).toBe(2); // before a step has been measured
  });

  it("is eight steps until one has been measured, and then a second of them, or more where they cost more", () => {
    const size = new ReservationSize(100_000);
    expect(size.next()).toBe(8);
    size.cost(cost(1, 5));
    expect(size.next()).toBe(8);
    size.step(1);
    expect(size.next()).toBe(1000);
    size.cost(cost(100, 5));
    expect(size.next()).toBe((1 + 0.25 * 99) * 128);
  });

  it("has the next block begun in the middle of one, or earlier where the disk is slow, and never three at once", () => {
    const size = new ReservationSize(100_000);
    expect([1, 2, 7, 100].map((block) => size.lead(block))).toEqual([1, 1, 4, 50]);
    size.step(2);
    size.cost(cost(1, 75));
    expect([1, 60, 100, 1000].map((block) => size.lead(block))).toEqual([1, 60, 75, 500]);
  });

  it("is at most a sixteenth of the plan", () => {
    expect([1, 16, 17, 3750].map((steps) => largestReservation({ steps }))).toEqual([1, 1, 2, 235]);
  });
});
