/** What a command line may say instead of the configuration: the same for a run and for all runs of a sweep. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { optionRanges } from "../training/session-options.js";
import { numberFlag } from "./number-flag.js";

const whole = { max: Number.MAX_SAFE_INTEGER, integer: true };
const epochs = numberFlag({ min: 0, max: Number.MAX_VALUE, openMin: true });
const steps = numberFlag({ min: 1, ...whole });
const seed = numberFlag({ min: 0, ...whole });
const threads = numberFlag(optionRanges.threads);

/** Adds the flags that make `ConfigOverrides`. */
export function addOverrides(command: Command): Command {
  return command
    .addOption(new Option("--epochs <n>", "instead of the configuration's").argParser(epochs).conflicts("steps"))
    .addOption(new Option("--steps <n>", "instead of the configuration's").argParser(steps))
    .addOption(new Option("--seed <n>", "make the run reproducible, and not private").argParser(seed))
    .addOption(new Option("--threads <n>", "0: one a core").argParser(threads))
    .option("--data <dir>", "folder with the data, instead of the configuration's", (path) => resolve(path));
}
