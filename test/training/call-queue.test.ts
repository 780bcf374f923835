import { expect, it } from "vitest";
import { CallQueue } from "../../src/training/call-queue.js";

it("runs calls in order, the first one at once, and goes on after one that fails", async () => {
  const queue = new CallQueue();
  const told: string[] = [];
  const call = (name: string, fails = false) =>
    queue.run(async () => {
      told.push(`${name} begins`);
      await Promise.resolve();
      told.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const calls = [call("a"), call("b", true), call("c")];
  expect(told).toEqual(["a begins"]);
  expect(queue.busy).toBe(true);
  expect(await Promise.allSettled(calls)).toMatchObject([{ value: "a" }, { reason: { message: "b" } }, { value: "c" }]);
  expect(told).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  expect(queue.busy).toBe(false);
});

it("is idle by the time that a call's promise settles", async () => {
  const queue = new CallQueue();
  await queue.run(async () => {});
  expect(queue.busy).toBe(false);
});

it("lets a call made from within another wait for it", async () => {
  const queue = new CallQueue();
  const told: string[] = [];
  let inner: Promise<void> | undefined;
  await queue.run(async () => {
    inner = queue.run(async () => {
      told.push("inner");
    });
    told.push("outer");
  });
  await inner;
  expect(told).toEqual(["outer", "inner"]);
});
