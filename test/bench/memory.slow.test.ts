/**
 * The peak that a process really reaches, against the one that was planned; and that it does not grow with the batch.
 * Each measurement is a process of its own, as in `hushgrad bench`.
 */
import { afterAll, describe, expect, test } from "vitest";
import { startOwnChild } from "../../src/bench/own-child.js";
import { workloadByName, workloadNames } from "../../src/bench/workloads.js";
import type { StrategyName } from "../../src/native/binding.js";

const MEGABYTE = 2 ** 20;
/** Malloc's arenas, garbage and the pages of code that are touched differ from run to run and from machine to machine. */
const SLACK = 4 * MEGABYTE;
const TOLERANCE = 0.1;
const strategies: readonly StrategyName[] = ["none", "fused", "reweight", "ghost", "auto"];

interface Memory {
  readonly peak: number;
  readonly planned: number;
}

interface Measured {
  readonly batch: number;
  readonly steps: number;
  /** Processes of which the median counts: one alone strays by 2 MB (standard deviation), and by more now and then. */
  readonly processes: number;
}

async function measure(workload: string, strategy: StrategyName, { processes, ...of }: Measured): Promise<Memory> {
  const all: Memory[] = [];
  for (let i = 0; i < processes; i++) all.push(await measureOnce(workload, strategy, of.batch, of.steps));
  return all.sort((a, b) => a.peak - b.peak)[processes >> 1] as Memory;
}

async function measureOnce(workload: string, strategy: StrategyName, batch: number, steps: number): Promise<Memory> {
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

/** What a process leaves idle may be taken back by the system, of code above all: then less is seen than was planned. */
const TAKEN_BACK = 8 * MEGABYTE;

function expectAsPlanned({ peak, planned }: Memory): void {
  expect(peak - planned).toBeLessThan(TOLERANCE * planned + SLACK);
  expect(planned - peak).toBeLessThan(TOLERANCE * planned + TAKEN_BACK);
}

const measured: string[] = [];
function note(name: string, { peak, planned }: Memory): void {
  const [was, said] = [peak, planned].map((bytes) => (bytes / MEGABYTE).toFixed(1));
  measured.push(`${name}: peak ${was} MB, planned ${said} MB`);
}
afterAll(() => console.info(measured.join("\n")));

interface Measures extends Measured {
  /** Of several slices. */
  readonly large?: number;
  readonly strategies: readonly StrategyName[];
}
const QUICK: Measures = { batch: 256, steps: 3, processes: 3, large: 16_384, strategies };
const SLOW: Readonly<Record<string, Measures>> = {
  dpcnn: { batch: 256, steps: 2, processes: 3, large: 2048, strategies },
  // A private step takes half a minute for what the others do in one second.
  resnet18: { batch: 256, steps: 1, processes: 1, large: 512, strategies },
  // So does a batch of two slices; and the Gram matrices of 16,384 pixels that ghost norms are made of.
  unet: { batch: 10, steps: 1, processes: 1, strategies: strategies.filter((strategy) => strategy !== "ghost") },
};

describe.each(workloadNames)("%s", (workload) => {
  const { large, strategies, ...own } = SLOW[workload] ?? QUICK;

  test.each(strategies)("%s takes about the memory that was planned", async (strategy) => {
    const memory = await measure(workload, strategy, own);
    note(`${workload} ${strategy}`, memory);
    expectAsPlanned(memory);
  });

  if (large === undefined) return;
  test(`a batch of ${large} takes what one of ${own.batch} does, but for the float64 sums between slices`, async () => {
    const trainable = workloadByName(workload).model().trainableParameterCount;
    const peaks: Record<string, number> = {};
    for (const strategy of ["none", "auto"] as const) {
      const small = await measure(workload, strategy, own);
      const sliced = await measure(workload, strategy, { ...own, batch: large, steps: 1 });
      note(`${workload} ${strategy}, ${large}`, sliced);
      expect(sliced.peak).toBeLessThan(small.peak + 8 * trainable + 3 * SLACK + TOLERANCE * small.planned);
      expectAsPlanned(sliced);
      peaks[`${strategy} small`] = small.peak;
      peaks[`${strategy} large`] = sliced.peak;
    }
    for (const size of ["small", "large"]) {
      const most = 1.2 * (peaks[`none ${size}`] as number) + 40 * MEGABYTE;
      expect(peaks[`auto ${size}`]).toBeLessThan(most);
    }
  });
});
