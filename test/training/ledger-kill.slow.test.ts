/**
 * Runs that are killed at any moment: a counter outside of the library is never above the ledger, nor the ε of its count
 * above the ε that is reported.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { composeLedgers, spentOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import { RandomStream } from "../../src/privacy/random.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { temporaryFolder } from "./tiny.js";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const program = fileURLToPath(new URL("ledger-child.ts", import.meta.url));

const KILLS = 200;
const FOLDERS = 20;
const AT_A_TIME = 2;
const TIMEOUT = 3_600_000;

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<number | null>;
  stderr(): string;
}

function start(folder: string, counter: string): Child {
  const child = spawn(process.execPath, ["--import", tsx, program, folder, counter], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  const ready = Promise.race([
    new Promise<void>((resolve) => child.stdout.once("data", () => resolve())),
    ended.then(() => {}),
  ]);
  return { process: child, ready, ended, stderr: () => stderr };
}

/**
 * Starts a run in `folder`, or goes on with it, and kills it within a third of a second: mostly after its first update, for
 * the rest after it began to prepare.
 */
async function killedRun(folder: string, counter: string, random: RandomStream): Promise<Child> {
  const before = updates(counter);
  const child = start(folder, counter);
  await child.ready;
  if (random.bernoulli(0.75)) {
    while (updates(counter) === before && child.process.exitCode === null) await sleep(2);
  }
  await sleep(300 * random.uniform() ** 2); // the first moments matter most
  child.process.kill("SIGKILL");
  await child.ended;
  return child;
}

const updates = (counter: string) => (existsSync(counter) ? statSync(counter).size : 0);

function epsilonOf(steps: number): number {
  const accountant = makeAccountant();
  accountant.step({ samplingRate: 0.1, noiseMultiplier: 1 }, steps);
  return accountant.epsilon(1e-5);
}

/** What the folder says of itself is not below what was counted outside. */
function check(folder: string, counter: string): void {
  const done = updates(counter);
  if (!existsSync(join(folder, "ledger.jsonl"))) {
    expect(done).toBe(0);
    return;
  }
  expect(countSteps(spentOf(readRunLedger(folder)))).toBeGreaterThanOrEqual(done);
  const statement = join(folder, "privacy.json");
  if (!existsSync(statement)) {
    expect(done).toBe(0);
    return;
  }
  const { epsilon, steps } = JSON.parse(readFileSync(statement, "utf8")) as {
    epsilon: number;
    steps: { reserved: number };
  };
  expect(steps.reserved).toBeGreaterThanOrEqual(done);
  expect(epsilon).toBeGreaterThanOrEqual(epsilonOf(done));
}

/** What a power cut leaves of the file that was being written last. */
function tear(folder: string, random: RandomStream): void {
  const ledger = join(folder, "ledger.jsonl");
  const state = join(folder, "state.safetensors");
  if (existsSync(ledger) && random.bernoulli(0.5)) {
    const text = readFileSync(ledger, "utf8");
    const last = text.slice(0, -1).lastIndexOf("\n") + 1;
    if (last > 0) truncateSync(ledger, last + 1 + random.integer(Math.max(1, text.length - last - 1)));
  } else if (existsSync(state) && existsSync(join(folder, "state.previous.safetensors"))) {
    truncateSync(state, random.integer(statSync(state).size));
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}

describe("runs killed at any moment", () => {
  it(
    `${KILLS} times, torn, copied and begun twice: the counter outside is never above the ledger`,
    async () => {
      const parent = temporaryFolder();
      const key = Buffer.alloc(32, "kill");
      let killedAtWork = 0;
      await inParallel(
        Array.from({ length: FOLDERS }, (_, i) => i),
        async (index) => {
          key.writeUInt8(index, 0);
          const random = new RandomStream(Uint8Array.from(key));
          const folder = join(parent, `run-${index}`);
          const counter = join(parent, `count-${index}`);
          for (let kill = 0; kill < KILLS / FOLDERS; kill++) {
            const before = updates(counter);
            const rival = kill % 5 === 4 ? start(folder, counter) : undefined; // of two in one folder, one goes on
            const child = await killedRun(folder, counter, random);
            rival?.process.kill("SIGKILL");
            await rival?.ended;
            expect(`${child.stderr()}${rival?.stderr() ?? ""}`).toMatch(rival ? /^(.* is in use by .*\n)*$/ : /^$/);
            if (updates(counter) > before) killedAtWork++;
            check(folder, counter);
            if (random.bernoulli(0.4)) tear(folder, random);
            check(folder, counter);
          }
          await branch(folder, counter, random);
        },
      );
      expect(killedAtWork).toBeGreaterThan(KILLS / 4); // else the test shows nothing
    },
    TIMEOUT,
  );

  /** The folder is copied, and both are gone on with. */
  async function branch(folder: string, counter: string, random: RandomStream): Promise<void> {
    if (!existsSync(join(folder, "ledger.jsonl"))) return;
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    rmSync(join(copy, "run.lock"), { force: true });
    const before = updates(counter);
    await killedRun(folder, counter, random);
    await killedRun(copy, `${counter}-copy`, random);
    const together = composeLedgers([folder, copy].map(readRunLedger));
    expect(together.steps).toBeGreaterThanOrEqual(updates(counter) + updates(`${counter}-copy`));
    const alone = together.ledgers.reduce((sum, { steps }) => sum + steps, 0);
    if (before > 0) expect(together.steps).toBeLessThan(alone);
  }
});

const canMount = process.platform === "linux" && process.getuid?.() === 0 && tryMount();

function tryMount(): boolean {
  const at = join("/tmp", `hushgrad-mount-${process.pid}`);
  mkdirSync(at);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]);
  if (status === 0) execFileSync("umount", [at]);
  rmSync(at, { recursive: true });
  return status === 0;
}

// Needs the right to mount; ledger-faults.test.ts injects the same failures everywhere.
describe.skipIf(!canMount)("a file system of its own", () => {
  async function mounted(work: (at: string) => Promise<void>): Promise<void> {
    const at = join(temporaryFolder(), "disk");
    mkdirSync(at);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=96k", "tmpfs", at]);
    try {
      await work(at);
    } finally {
      execFileSync("umount", [at]);
    }
  }

  it(
    "that fills up: the run stops, and goes on when there is room",
    () =>
      mounted(async (disk) => {
        const folder = join(disk, "run");
        const counter = join(disk, "..", "count");
        const ballast = join(disk, "ballast");
        for (const kilobytes of [80, 72, 64]) {
          writeFileSync(ballast, "");
          const child = start(folder, counter);
          await child.ready;
          await sleep(300);
          spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1k", `count=${kilobytes}`]);
          await sleep(3000); // metrics alone fill what is left
          child.process.kill("SIGKILL");
          await child.ended;
          expect(child.stderr()).toContain("ENOSPC");
          check(folder, counter);
          rmSync(ballast);
        }
      }),
    TIMEOUT,
  );

  it(
    "that turns read-only: the run stops, and nothing is begun on it",
    () =>
      mounted(async (disk) => {
        const folder = join(disk, "run");
        const counter = join(disk, "..", "count");
        await killedRun(folder, counter, new RandomStream(new Uint8Array(32)));
        const before = updates(counter);
        execFileSync("mount", ["-o", "remount,ro", disk]);
        const refused = start(folder, counter);
        expect(await refused.ended).toBe(3);
        expect(refused.stderr()).toMatch(/run: cannot be written to \(EROFS/);
        expect(updates(counter)).toBe(before);
        check(folder, counter);
      }),
    TIMEOUT,
  );
});
