import { describe, expect, test } from "vitest";
import type { Session } from "../../src/training/session.js";
import { planSession } from "../../src/training/session-plan.js";
import { disposedSessions } from "./sessions.js";

const sessions = disposedSessions([6, 16, 3]);
const session = (expectedBatchSize: number): Session =>
  sessions.session({ privacy: { noiseMultiplier: 0, expectedBatchSize } });

describe("plan()", () => {
  test("counts the expected batch and its copy, and adds up", () => {
    const plan = session(100).plan();
    expect(plan).toMatchObject({ batchSize: 100, batchBytes: 4 * 100 * 7, stagingBytes: 4 * 100 * 7, carriedBytes: 0 });
    const { parameterBytes, workerBytes, batchBytes, stagingBytes, carriedBytes, runtimeBytes } = plan;
    expect(plan.totalBytes).toBe(
      parameterBytes + workerBytes + batchBytes + stagingBytes + carriedBytes + runtimeBytes,
    );
    expect(plan.runtimeBytes).toBeGreaterThan(2 ** 20);
  });

  test("does not grow with the batch beyond a slice: two copies, and float64 sums between slices", () => {
    const made = session(100);
    const slice = 4 * made.sliceSize * 7;
    const beyond = { batchBytes: slice, stagingBytes: 2 * slice, carriedBytes: 8 * (6 * 16 + 16 + 16 * 3 + 3) };
    expect(made.plan(made.sliceSize).stagingBytes).toBe(slice);
    expect(made.plan(made.sliceSize + 1)).toMatchObject(beyond);
    expect(made.plan(1e6).totalBytes).toBe(made.plan(made.sliceSize + 1).totalBytes);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a batch of %s", (size) => {
    expect(() => session(8).plan(size)).toThrow(/batchSize must be a number ≥ 1, got/);
  });

  test("counts every kernel that is generated for a convolution, in every worker", () => {
    const native = session(8).plan();
    const planned = {
      example: { inputElements: 1, targetElements: 1, targetKind: "classes", maxWeight: 1 },
      sliceSize: 8,
      batchSize: 8,
      trainableParameters: 1,
    } as const;
    const layer = { path: "0", method: "", parameters: 0, flops: 0, bytes: 0, kind: "Conv2d" };
    const of = (implementation: string, threads: number) =>
      planSession({ ...native, threads, layers: [{ ...layer, implementation }] }, planned).runtimeBytes;
    const bare = of("direct", 1);
    const one = of("forward oneDNN jit:avx2", 1) - bare;
    expect(one).toBeGreaterThan(0);
    const both = of("forward oneDNN jit:avx2, weight gradient oneDNN jit:avx2", 2) - bare;
    expect(Math.abs(both - 4 * one)).toBeLessThanOrEqual(4);
  });
});
