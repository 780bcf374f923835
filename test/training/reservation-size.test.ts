import { describe, expect, it } from "vitest";
import { largestReservation, ReservationSize } from "../../src/training/reservation-size.js";

/** Reserves and takes steps on a clock of its own; gives what both took. */
function simulate(size: ReservationSize, steps: number, stepMs: () => number, costMs: () => number) {
  const spent = { steps: 0, ledger: 0, reservations: 0, largest: 0, longest: 0 };
  for (let left = steps; left > 0; ) {
    const cost = costMs();
    const block = Math.min(left, size.next());
    size.cost(cost);
    spent.ledger += cost;
    spent.reservations++;
    let lasted = 0;
    for (let i = 0; i < block; i++) {
      const took = stepMs();
      size.step(took);
      lasted += took;
    }
    left -= block;
    spent.steps += lasted;
    spent.largest = Math.max(spent.largest, block);
    spent.longest = Math.max(spent.longest, lasted);
  }
  return spent;
}

describe("ReservationSize", () => {
  it.each([0.05, 1, 10, 50])("costs at most 1 %% of steps of 1 ms on a disk that takes %d ms", (cost) => {
    const { steps, ledger } = simulate(
      new ReservationSize(1e9),
      100_000,
      () => 1,
      () => cost,
    );
    expect(ledger).toBeLessThanOrEqual(0.01 * steps);
  });

  it("does so where the first step is slow and the disk's times vary a hundredfold", () => {
    let step = 0;
    let sync = 0;
    const spent = simulate(
      new ReservationSize(1e9),
      100_000,
      () => (step++ === 0 ? 80 : 1),
      () => (sync++ % 7 === 3 ? 50 : 0.5),
    );
    expect(spent.ledger).toBeLessThanOrEqual(0.01 * spent.steps);
  });

  it("never more than its largest, than a minute of steps, or than it must", () => {
    expect(
      simulate(
        new ReservationSize(30),
        1000,
        () => 1,
        () => 100,
      ).largest,
    ).toBe(30);
    expect(
      simulate(
        new ReservationSize(1e9),
        10_000,
        () => 100,
        () => 1e6,
      ).longest,
    ).toBeLessThanOrEqual(60_000);
    expect(
      simulate(
        new ReservationSize(1e9),
        10_000,
        () => 100,
        () => 1,
      ).largest,
    ).toBe(10); // a second of steps
    expect(
      simulate(
        new ReservationSize(1e9),
        100,
        () => 90_000,
        () => 1,
      ).largest,
    ).toBe(1);
  });

  it("is a single step until one has been measured", () => {
    const size = new ReservationSize(100);
    expect(size.next()).toBe(1);
    size.cost(5);
    expect(size.next()).toBe(1);
    size.step(1);
    expect(size.next()).toBe(100);
  });

  it("is at most an eighth of the plan", () => {
    expect([1, 8, 9, 3750].map((steps) => largestReservation({ steps }))).toEqual([1, 1, 2, 469]);
  });
});
