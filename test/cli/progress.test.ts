import { expect, it } from "vitest";
import { showProgress } from "../../src/cli/progress.js";
import type { Dataset } from "../../src/data/dataset.js";
import type { StepEvent } from "../../src/training/events.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { tinyConfig, tinyData } from "../training/tiny.js";

it.each([
  [0.38, "20 examples/s (waiting for data 38 %), loss"],
  [1, "20 examples/s (waiting for data 100 %), loss"],
  [0.09, "20 examples/s, loss"],
])("says so where %d of the time is spent waiting for data", (share, expected) => {
  const trainer = new Trainer({ config: tinyConfig(), train: tinyData(8) });
  const written: string[] = [];
  showProgress(trainer, { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream);
  trainer.emit("start", { plan: planTraining(tinyConfig(), 200), step: 0, seeded: false, lostSteps: 0 });
  for (let step = 1; step <= 40; step++) {
    const statistics = { examples: 20, meanLoss: 1 } as StepEvent["statistics"];
    const times = { seconds: step, waitingShare: share };
    trainer.emit("step", { step, steps: 40, epoch: 1, learningRate: 1, statistics, ...times });
  }
  expect(written.at(-1)).toContain(expected);
});

it.each([
  [6, "6 steps after step 4 were reserved by a process that ended: they are in no model, but count as spent\n"],
  [0, undefined],
])("a resumed run says that %d steps were lost", (lostSteps, expected) => {
  const config = tinyConfig();
  const trainer = new Trainer({ config, train: tinyData(8) });
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  showProgress(trainer, { isTTY: false, write } as unknown as NodeJS.WriteStream);
  trainer.emit("start", { plan: planTraining(config, 200), step: 4, seeded: false, lostSteps });
  expect(written.find((text) => text.includes("reserved"))).toBe(expected);
  expect(written.at(-1)).toMatch(/^training: 30 steps.*resumed after step 4\n$/);
});

it("names a checkpoint that is damaged", () => {
  const config = tinyConfig();
  const trainer = new Trainer({ config, train: tinyData(8) });
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  showProgress(trainer, { isTTY: false, write } as unknown as NodeJS.WriteStream);
  const damagedCheckpoint = "state.safetensors: is damaged";
  trainer.emit("start", { plan: planTraining(config, 200), step: 4, seeded: false, lostSteps: 0, damagedCheckpoint });
  expect(written[0]).toBe("state.safetensors: is damaged; going on from the checkpoint before it\n");
});

it("tells of a slow disk in a real run", async () => {
  const quick = tinyData(200);
  const slow: Dataset = {
    size: quick.size,
    inputShape: quick.inputShape,
    targetKind: quick.targetKind,
    targetElements: quick.targetElements,
    async read(indices, inputs, targets) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      quick.read(indices, inputs, targets);
    },
  };
  const shares: number[] = [];
  const written: string[] = [];
  for (const train of [slow, quick]) {
    const trainer = new Trainer({ config: tinyConfig({ steps: 10 }), train });
    const stream = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
    if (train === slow) showProgress(trainer, stream);
    const told: number[] = [];
    trainer.on("step", ({ waitingShare }) => told.push(waitingShare));
    await trainer.run();
    for (const share of told) expect(share >= 0 && share <= 1).toBe(true);
    shares.push(told.reduce((sum, share) => sum + share, 0) / told.length);
  }
  const [ofSlow, ofQuick] = shares as [number, number];
  expect(ofSlow).toBeGreaterThan(0.3); // far more on a machine that is idle
  expect(ofQuick).toBeLessThan(ofSlow);
  expect(written.at(-1)).toMatch(/examples\/s \(waiting for data \d+ %\), loss/);
});
