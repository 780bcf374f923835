import { expect, it } from "vitest";
import { showProgress } from "../../src/cli/progress.js";
import { Trainer } from "../../src/training/trainer.js";
import { planTraining } from "../../src/training/training-plan.js";
import { tinyConfig, tinyData } from "../training/tiny.js";

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
