// Child processes of the set-up: their output goes to a log file, and is shown only when they fail.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import os from "node:os"; // whole, as in build-native.mjs
import { dirname, relative } from "node:path";

const SHOWN_LINES = 40;

/** A failure whose message says everything: printed without a stack. */
export class SetupError extends Error {}

/**
 * Runs a command to its end with its output on this terminal, unless the options say otherwise.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, stdio?: import("node:child_process").StdioOptions }} [options]
 * @returns {Promise<number>} the exit status; 128 + n when signal n ended it, 127 when it could not be started
 */
export function run(command, args, options = {}) {
  return wait(spawn(command, args, { stdio: "inherit", ...options }));
}

/**
 * Runs a command with its output appended to a log file.
 *
 * @param {string} what what the command does, for the error: "building the addon"
 * @param {string} log path of the file
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @throws {SetupError} with the end of the log when the command fails
 */
export async function runLogged(what, log, command, args, options = {}) {
  mkdirSync(dirname(log), { recursive: true });
  const file = openSync(log, "a");
  writeSync(file, `\n$ ${command} ${args.join(" ")}\n`);
  const status = await wait(spawn(command, args, { stdio: ["ignore", file, file], ...options }));
  closeSync(file);
  if (status === 0) return;
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
  throw new SetupError(
    `${tail}\n\n${what} failed (exit status ${status}). The whole log: ${relative(process.cwd(), log) || log}`,
  );
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<number>} its exit status, as run() gives it */
export function wait(child) {
  return new Promise((resolve) => {
    const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    const signals = /** @type {const} */ (["SIGTERM", "SIGHUP"]);
    const ignore = () => {}; // Ctrl-C reaches the child by itself: wait for it to end
    process.on("SIGINT", ignore);
    for (const signal of signals) process.on(signal, forward);
    const settle = (/** @type {number} */ status) => {
      process.off("SIGINT", ignore);
      for (const signal of signals) process.off(signal, forward);
      resolve(status);
    };
    child.on("error", (error) => {
      console.error(error.message);
      settle(127);
    });
    child.on("exit", (code, signal) => settle(code ?? 128 + (signal ? os.constants.signals[signal] : 15)));
  });
}
