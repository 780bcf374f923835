/**
 * The `hushgrad` command. One file a command, loaded only when it is asked for, so that `account` starts without the
 * plots of `train`. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
 */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../native/load.js";
import { failureLine } from "./failure.js";

interface CommandModule {
  register(program: Command): void;
}

const commands: Readonly<Record<string, () => Promise<CommandModule>>> = {
  train: () => import("./train.js"),
  sweep: () => import("./sweep.js"),
  report: () => import("./report.js"),
  plan: () => import("./plan.js"),
  ledger: () => import("./ledger.js"),
  audit: () => import("./audit.js"),
  account: () => import("./account.js"),
  calibrate: () => import("./calibrate.js"),
  bench: () => import("./bench.js"),
  build: () => import("./build.js"),
  doctor: () => import("./doctor.js"),
};

/** Runs the command line `args` (without node and script) and gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await makeProgram(args[0]);
    await program.parseAsync([...args], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return usageExitCode(error);
    process.stderr.write(`${failureLine(error)}\n`);
    return 1;
  }
}

async function makeProgram(name: string | undefined): Promise<Command> {
  const program = new Command("hushgrad")
    .description("Train a model on private records, with a differential privacy guarantee.")
    .version(packageVersion())
    .showSuggestionAfterError()
    .showHelpAfterError("(hushgrad --help lists the commands)")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "hushgrad: ")) });
  const wanted = name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
  for (const command of wanted) (await commands[command]?.())?.register(program);
  // Sub-commands inherit exitOverride only when made by program.command() after it was set; be sure.
  for (const command of program.commands) command.exitOverride();
  return program;
}

function usageExitCode(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : 2;
}
