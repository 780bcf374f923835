/** Reads what a configuration's `data` and `sparsification.source` name, and tells what was left out. */
import type { TrainingConfig } from "../training/config.js";
import { loadData, loadPublicData } from "../training/data-config.js";
import type { TrainerOptions } from "../training/trainer.js";
import { printable } from "./failure.js";

/** Relative paths start at `base`. */
export async function loadExamples(
  config: TrainingConfig,
  base: string,
): Promise<Pick<TrainerOptions, "train" | "test" | "public" | "classes">> {
  const { train, test, classes, skipped = [] } = await loadData(config.data, base);
  const shown = await loadPublicData(config, base);
  for (const reason of [...skipped, ...(shown?.skipped ?? [])])
    process.stderr.write(`left out: ${printable(reason)}\n`);
  return { train, test, public: shown?.train, classes };
}
