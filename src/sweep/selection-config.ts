/** `selection` of a grid: runs drawn from its cells, of which the best alone is published. */
import { z } from "zod";
import { checkLaw, runLaws } from "../privacy/selection.js";
import type { TrainingConfig } from "../training/config.js";
import { ConfigError, configObject } from "../training/config-errors.js";
import { allowed, choice } from "../training/config-values.js";

/** What may be best: of test examples, of which ε says nothing. */
export const scores = ["accuracy", "loss", "dice"] as const;

export const selectionSchema = configObject({
  /** How the number of runs is drawn: src/privacy/selection.ts. */
  law: choice(runLaws),
  mean: z.number(allowed("a number")),
  shape: z.number(allowed("a number")).optional(),
  by: choice(scores).default("loss"),
});

export type SelectionConfig = Readonly<z.output<typeof selectionSchema>>;

/** Throws a ConfigError where a cell cannot be one of several that are chosen from: what the theorem asks is not so. */
export function checkSelection(
  file: string,
  { law, mean, shape }: SelectionConfig,
  cells: readonly { readonly name: string; readonly config: TrainingConfig }[],
): void {
  try {
    checkLaw({ law, mean, shape });
  } catch (error) {
    throw new ConfigError(`${file}: selection: ${(error as Error).message}`);
  }
  for (const { name, config } of cells) {
    const reason = reasonAgainst(config);
    if (reason) throw new ConfigError(`${file}: selection: cell ${name} ${reason}`);
  }
}

function reasonAgainst({ privacy, strategy, seed }: TrainingConfig): string | undefined {
  if (!privacy || strategy === "none") return "is not private: choosing among such runs has no ε";
  if (seed !== undefined) return "has a seed: its runs would all be the same, and none private";
  return undefined;
}
