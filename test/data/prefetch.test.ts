import { afterEach, describe, expect, it, vi } from "vitest";
import { DataError, type Dataset } from "../../src/data/dataset.js";
import { ByteDataset } from "../../src/data/memory.js";
import { type Indices, type LogicalBatch, prefetch, type Slice, sliceExamples } from "../../src/data/prefetch.js";

const size = 50;
const bytes = new ByteDataset({
  inputs: Uint8Array.from({ length: size * 2 }, (_, i) => i),
  inputShape: [2],
  labels: Uint8Array.from({ length: size }, (_, i) => i),
});

/** Everything that is due by now, and what comes of it. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.useRealTimers();
});

async function collect(dataset: Dataset, batches: Iterable<Indices>, perSlice?: number) {
  const labels: number[][] = [];
  const sizes: number[] = [];
  for await (const batch of prefetch(dataset, batches, perSlice)) {
    const seen: number[] = [];
    for await (const slice of "size" in batch.source ? [batch.source] : batch.source) {
      check(slice);
      seen.push(...slice.targets);
    }
    labels.push(seen);
    sizes.push(batch.size);
  }
  return { labels, sizes };
}

function check(slice: Slice): void {
  expect(slice.inputs.length).toBe(slice.size * 2);
  expect(slice.targets.length).toBe(slice.size);
  slice.targets.forEach((label, i) => {
    expect(slice.inputs[2 * i]).toBeCloseTo((2 * label) / 255, 6);
  });
}

function only({ value: batch }: IteratorResult<LogicalBatch, void>): Slice {
  if (!batch || !("size" in batch.source)) throw new Error("expected a batch of one slice");
  return batch.source;
}

describe("prefetch", () => {
  it.each([1, 3, 7, 100])(
    "cuts batches into slices of at most %i and keeps every example once, in order",
    async (perSlice) => {
      const batches = [[4, 2, 9], Array.from({ length: size }, (_, i) => size - 1 - i), [], [7]];
      const { labels, sizes } = await collect(bytes, batches, perSlice);
      expect(labels).toEqual(batches);
      expect(sizes).toEqual([3, size, 0, 1]);
    },
  );

  it("alternates between two buffers, so that the slice in use is not overwritten", async () => {
    const stream = prefetch(bytes, [[1], [2], [3]]);
    const first = only(await stream.next());
    const second = only(await stream.next());
    expect(first.targets[0]).toBe(1);
    expect(second.targets[0]).toBe(2);
    expect(first.inputs.buffer).not.toBe(second.inputs.buffer);
    const third = only(await stream.next());
    expect(third.inputs.buffer).toBe(first.inputs.buffer);
  });

  it("reads the next batch while the one handed out is worked on", async () => {
    const read: number[] = [];
    const watched: Dataset = {
      size,
      inputShape: [2],
      targetKind: "classes",
      targetElements: 1,
      read: (indices, inputs, targets) => {
        read.push(indices[0] as number);
        bytes.read(indices, inputs, targets);
      },
    };
    const stream = prefetch(watched, [[1], [2], [3]]);
    await stream.next();
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    expect(read).toEqual([1, 2]);
  });

  it("waits for datasets that read asynchronously and passes their errors on", async () => {
    const slow: Dataset = {
      size,
      inputShape: [2],
      targetKind: "classes",
      targetElements: 1,
      read: async (indices, inputs, targets) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        bytes.read(indices, inputs, targets);
      },
    };
    expect((await collect(slow, [[5, 6], [7]])).labels).toEqual([[5, 6], [7]]);
    await expect(collect(slow, [[size]])).rejects.toThrow(DataError);
  });

  // By a clock that stands still while this machine is busy with something else.
  it("tells how long its reader waits: all the time where reading is slow, hardly where it keeps up", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    const share = async (readMs: number, workMs: number) => {
      const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const read: Dataset["read"] = async (indices, inputs, targets) => {
        await pause(readMs);
        bytes.read(indices, inputs, targets);
      };
      const slow: Dataset = { size, inputShape: [2], targetKind: "classes", targetElements: 1, read };
      let seconds = 0;
      let isDone = false;
      const work = async () => {
        for await (const _ of prefetch(slow, [[1], [2], [3], [4], [5]], 1, (more) => (seconds += more)))
          await pause(workMs);
        isDone = true;
      };
      const start = performance.now();
      const working = work();
      while (!isDone) {
        for (let turn = 0; turn < 3; turn++) await nextTurn();
        vi.advanceTimersToNextTimer();
      }
      await working;
      return (1000 * seconds) / (performance.now() - start);
    };
    expect(await share(40, 2)).toBeCloseTo((40 + 4 * 38) / (5 * 40 + 2), 9);
    expect(await share(40, 40)).toBeCloseTo(40 / 240, 9); // the first slice alone
    expect(await share(2, 40)).toBeCloseTo(2 / 202, 9);
  });

  it("bounds a slice by bytes", () => {
    expect(sliceExamples({ inputShape: [1, 28, 28] })).toBe(4096);
    expect(sliceExamples({ inputShape: [3, 224, 224] })).toBe(27);
    expect(sliceExamples({ inputShape: [2 ** 24] })).toBe(1);
  });
});
