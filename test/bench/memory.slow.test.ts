/**
 * The peak that a process really reaches, against the one that was planned; and that it does not grow with the batch.
 * Each measurement is a process of its own, as in `hushgrad bench`.
 */
import { afterAll, describe, expect, test } from "vitest";
import { startOwnChild } from "../../src/bench/own-child.js";
import { workloadByName, workloadNames } from "../../src/bench/workloads.js";
import type { StrategyName } from "../../src/native/binding.js";

const MEGABYTE = 2 ** 20;
/** Malloc's arenas and the pages of code that are touched differ from run to run and from machine to machine. */
const TOLERANCE = 0.2;
const SLACK = 6 * MEGABYTE;
const strategies: readonly StrategyName[] = ["none", "fused", "reweight", "ghost", "auto"];

interface Memory {
  readonly peak: number;
  readonly planned: number;
}

async function measure(workload: string, strategy: StrategyName, batch: number, steps: number): Promise<Memory> {
  const child = startOwnChild({ kind: "measure", workload, strategy, batch });
  try {
    const { plannedBytes } = await child.expect("ready");
    await child.ask({ kind: "run", steps }, "times");
    const { peakBytes } = await child.ask({ kind: "memory" }, "memory");
    return { peak: peakBytes, planned: plannedBytes as number };
  } finally {
    child.kill();
  }
}

const measured: string[] = [];
function note(name: string, { peak, planned }: Memory): void {
  const [was, said] = [peak, planned].map((bytes) => (bytes / MEGABYTE).toFixed(1));
  measured.push(`${name}: peak ${was} MB, planned ${said} MB`);
}
afterAll(() => console.info(measured.join("\n")));

describe.each(workloadNames)("%s", (workload) => {
  test.each(strategies)("%s takes about the memory that was planned", async (strategy) => {
    const memory = await measure(workload, strategy, 256, 12);
    note(`${workload} ${strategy}`, memory);
    expect(Math.abs(memory.planned / memory.peak - 1)).toBeLessThan(TOLERANCE);
  });

  test("a batch of 16,384 takes what one of 256 does, but for the float64 sums between slices", async () => {
    const trainable = workloadByName(workload).model().trainableParameterCount;
    const peaks: Record<string, number> = {};
    for (const strategy of ["none", "auto"] as const) {
      const small = await measure(workload, strategy, 256, 12);
      const large = await measure(workload, strategy, 16_384, 1);
      note(`${workload} ${strategy}, 16,384`, large);
      expect(large.peak).toBeLessThan(small.peak + 8 * trainable + 4 * MEGABYTE + SLACK);
      expect(Math.abs(large.planned / large.peak - 1)).toBeLessThan(TOLERANCE);
      peaks[`${strategy} small`] = small.peak;
      peaks[`${strategy} large`] = large.peak;
    }
    for (const size of ["small", "large"]) {
      const most = 1.2 * (peaks[`none ${size}`] as number) + 40 * MEGABYTE;
      expect(peaks[`auto ${size}`]).toBeLessThan(most);
    }
  });
});
