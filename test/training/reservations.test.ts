import { describe, expect, it } from "vitest";
import { Reservations } from "../../src/training/reservations.js";

const LAST = 1000;

/** Blocks of ten, the next begun in the middle of one; each write ends when it is told to. */
function reservations() {
  const writes: { readonly step: number; readonly count: number; end(error?: Error): void }[] = [];
  const size = { next: () => 10, lead: (block: number) => block / 2 };
  const made = new Reservations(3, size, (step, count) => {
    return new Promise((resolve, reject) => {
      writes.push({ step, count, end: (error) => (error ? reject(error) : resolve()) });
    });
  });
  return { made, writes, blocks: () => writes.map(({ step, count }) => [step, count]) };
}

/** Whether a promise has resolved by the time that everything else has. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe("Reservations", () => {
  it("lets no step be taken before its block is written", async () => {
    const { made, writes, blocks } = reservations();
    const allowed = made.allow(3, LAST);
    expect(await isDone(allowed)).toBe(false);
    writes[0]?.end();
    expect(await isDone(allowed)).toBe(true);
    for (let step = 4; step < 8; step++) await made.allow(step, LAST);
    expect(blocks()).toEqual([[3, 10]]);
    for (let step = 8; step < 13; step++) await made.allow(step, LAST); // while the next is written
    expect(blocks()).toEqual([
      [3, 10],
      [13, 10],
    ]);
    const next = made.allow(13, LAST);
    expect(await isDone(next)).toBe(false);
    writes[1]?.end();
    expect(await isDone(next)).toBe(true);
  });

  it("writes no more than plan and budget allow", async () => {
    const { made, writes, blocks } = reservations();
    const first = made.allow(3, 16);
    writes[0]?.end();
    await first;
    for (let step = 4; step < 10; step++) await made.allow(step, 16);
    writes[1]?.end();
    await made.settled();
    for (let step = 10; step < 16; step++) await made.allow(step, 16);
    expect(blocks()).toEqual([
      [3, 10],
      [13, 3],
    ]);
  });

  it("stops at once where a block cannot be written, though steps be left, and writes no other", async () => {
    const { made, writes } = reservations();
    const first = made.allow(3, LAST);
    writes[0]?.end();
    await first;
    await made.allow(9, LAST);
    writes[1]?.end(new Error("disk"));
    await expect(made.settled()).rejects.toThrow("disk");
    await expect(made.allow(10, LAST)).rejects.toThrow("disk");
    await expect(made.allow(13, LAST)).rejects.toThrow("disk");
    expect(writes).toHaveLength(2);
  });

  it("is settled when nothing is being written", async () => {
    const { made, writes } = reservations();
    await made.settled();
    const first = made.allow(3, LAST);
    const settled = made.settled();
    expect(await isDone(settled)).toBe(false);
    writes[0]?.end();
    await Promise.all([first, settled]);
  });
});
