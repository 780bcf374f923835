// Runs GoogleTest programs: each test is counted, and what a test that fails printed is shown.
import { spawn } from "node:child_process";
import os from "node:os"; // whole: an old Node has no availableParallelism, and is to be told so
import { createInterface } from "node:readline";
import { wait } from "./run.mjs";

/** @typedef {import("./reports.mjs").Counts} Counts */

/**
 * Runs the tests of a program in as many processes as there are cores, each with its share of them: a process for every
 * test would take longer to start than most tests run.
 *
 * @param {string} program
 * @param {readonly string[]} args GoogleTest's
 * @param {NodeJS.ProcessEnv} [env] beside this process's own
 * @returns {Promise<Counts>} no test at all is a failure
 */
export async function runTestProgram(program, args, env = {}) {
  const count = os.availableParallelism();
  const shards = Array.from({ length: count }, (_, shard) =>
    runShard(program, args, { ...env, GTEST_TOTAL_SHARDS: String(count), GTEST_SHARD_INDEX: String(shard) }),
  );
  const counts = (await Promise.all(shards)).reduce((sum, shard) => ({
    passed: sum.passed + shard.passed,
    failed: sum.failed + shard.failed,
    skipped: sum.skipped + shard.skipped,
  }));
  if (counts.passed + counts.failed + counts.skipped > 0) return counts;
  console.log(`${program} ran no test`);
  return { ...counts, failed: 1 };
}

/** @param {string} program @param {readonly string[]} args @param {NodeJS.ProcessEnv} env @returns {Promise<Counts>} */
async function runShard(program, args, env) {
  // Threads that wait leave their core to the other processes, as in the addon (src/native/load.ts).
  const whole = { OMP_WAIT_POLICY: "PASSIVE", ...process.env, ...env };
  // Through a shell that gives both outputs one pipe: what a sanitizer says stays with the test that it is about.
  const child = spawn("/bin/sh", ["-c", 'exec "$0" "$@" 2>&1', program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: whole,
  });
  const reader = new TestReader();
  const ended = wait(child);
  for await (const line of createInterface({ input: child.stdout })) reader.read(line);
  return reader.finish(await ended);
}

/** Follows a GoogleTest program's output. */
export class TestReader {
  counts = { passed: 0, failed: 0, skipped: 0 };
  expected = 0;
  /** The test that runs. */
  current = "";
  /** @type {string[]} What was printed since it began, or between tests. */
  lines = [];

  /** @param {(text: string) => void} [print] */
  constructor(print = console.log) {
    this.print = print;
  }

  /** @param {string} line */
  read(line) {
    this.expected = Number(/^\[={10}\] Running (\d+) tests? /.exec(line)?.[1] ?? this.expected);
    const [, mark, name = ""] = /^\[ *(RUN|OK|FAILED|SKIPPED) *\] ([^ ,]+)/.exec(line) ?? [];
    if (mark === "RUN") {
      this.current = name;
      this.lines = [];
    }
    this.lines.push(line);
    // Failures are listed once more at the end, when no test runs.
    if (mark === undefined || mark === "RUN" || name !== this.current) return;
    if (mark === "FAILED") this.show();
    this.counts[mark === "OK" ? "passed" : mark === "FAILED" ? "failed" : "skipped"]++;
    this.current = "";
    this.lines = [];
  }

  /** @param {number} status of the process, at its end @returns {Counts} */
  finish(status) {
    const { counts } = this;
    if (this.current !== "") {
      counts.failed++;
      this.show();
      this.print(`[  FAILED  ] ${this.current}: the process ended (exit status ${status})`);
    }
    const missing = this.expected - counts.passed - counts.failed - counts.skipped;
    if (missing > 0) {
      counts.failed += missing;
      this.print(`[  FAILED  ] ${missing} tests did not run (exit status ${status})`);
    }
    // A leak that is found at the end, a suite that could not be set up, a library that is not there.
    if (status !== 0 && counts.failed === 0) {
      counts.failed++;
      this.show();
      this.print(`[  FAILED  ] the process ended with exit status ${status}`);
    }
    return counts;
  }

  show() {
    this.print(this.lines.join("\n"));
  }
}
