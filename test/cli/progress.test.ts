import { expect, it } from "vitest";
import { showProgress } from "../../src/cli/progress.js";
import type { StepEvent } from "../../src/training/events.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { tinyConfig, tinyData } from "../training/tiny.js";

it.each([
  [0.95, "20 examples/s (waiting for data), loss"],
  [0.5, "20 examples/s, loss"],
])("says so where reading takes %d of the time", (share, expected) => {
  const trainer = new Trainer({ config: tinyConfig(), train: tinyData(8) });
  const written: string[] = [];
  showProgress(trainer, { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream);
  trainer.emit("start", { plan: planTraining(tinyConfig(), 200), step: 0, seeded: false, lostSteps: 0 });
  for (let step = 1; step <= 40; step++) {
    const statistics = { examples: 20, meanLoss: 1 } as StepEvent["statistics"];
    const times = { seconds: step, readingSeconds: 3 + share * step };
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
