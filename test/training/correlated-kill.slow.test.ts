/** Runs whose noise is carried, killed at any moment: the state that is gone on from has its noise, whenever that was. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { spentOf } from "../../src/privacy/ledger-compose.js";
import { loadLastState } from "../../src/training/checkpoint.js";
import { readRunLedger, runPaths } from "../../src/training/run-directory.js";
import { temporaryFolder } from "./tiny.js";

const program = fileURLToPath(new URL("correlated-child.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const KILLS = 20;

/** Goes on until `milliseconds` after its first step; gives the steps it said, and what it complained of. */
async function killed(folder: string, milliseconds: number) {
  const child = spawn(process.execPath, ["--import", tsx, program, folder], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { steps: "", errors: "" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.errors += text;
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const began = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.steps += text;
      resolve();
    });
  });
  await Promise.race([began, ended]);
  await sleep(milliseconds);
  child.kill("SIGKILL");
  await ended;
  return { errors: said.errors, steps: said.steps.split("\n").slice(0, -1).map(Number) };
}

it(
  `goes on after each of ${KILLS} kills`,
  async () => {
    const folder = join(temporaryFolder(), "run");
    const paths = runPaths(folder);
    for (let kill = 0; kill < KILLS; kill++) {
      const before = existsSync(folder) ? (loadLastState(paths)?.step ?? 0) : 0;
      const { steps, errors } = await killed(folder, (kill * 37) % 100);
      expect(errors).toBe("");
      expect(steps[0]).toBe(before + 1);
      for (const name of readdirSync(folder).filter((entry) => entry.includes("secret"))) {
        expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      }
    }
    // A window of 10 steps is paid for by each process that entered it.
    const paid = spentOf(readRunLedger(folder)).filter(({ samplingRate }) => samplingRate === 1);
    expect(paid.reduce((sum, { steps }) => sum + steps, 0)).toBeGreaterThanOrEqual(KILLS);
  },
  KILLS * 30_000,
);
