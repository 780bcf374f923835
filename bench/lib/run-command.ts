/** Runs a benchmark's command line; a failure is one line, and exit code 1. */
import type { Command } from "commander";
import { failureLine } from "../../src/cli/failure.js";

export async function runCommand(command: Command): Promise<void> {
  try {
    await command.showHelpAfterError("(--help lists the options)").parseAsync();
  } catch (error) {
    process.stderr.write(`${failureLine(error)}\n`);
    process.exitCode = 1;
  }
}
