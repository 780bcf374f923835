/**
 * Runs that are killed at any moment: a counter outside of the library is never above the ledger, nor the ε of its count
 * above the ε that is reported.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeAccountant } from "../../src/privacy/accountant.js";
import { composeLedgers, spentOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import { RandomStream } from "../../src/privacy/random.js";
import { readRunLedger } from "../../src/training/run-directory.js";
import { temporaryFolder } from "./tiny.js";

const program = fileURLToPath(new URL("ledger-child.ts", import.meta.url));
/** Within the package, where its addon and its dependencies are found. */
const bundle = fileURLToPath(new URL(`../../build/test/ledger-kill-${process.pid}`, import.meta.url));

const KILLS = 200;
const FOLDERS = 20;
/** Runs of one process: they die together, each wherever it is. */
const TOGETHER = 5;
const AT_A_TIME = 2;
const TIMEOUT = 3_600_000;

// A bundle starts three times as fast as sources that are compiled as they are loaded.
beforeAll(async () => {
  await build({
    entryPoints: [program],
    outdir: bundle,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true, // what is loaded late stays so
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
});
afterAll(() => rmSync(bundle, { recursive: true }));

/** Where a run is, and what it adds a byte to before every update. */
interface Place {
  readonly folder: string;
  readonly counter: string;
}

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<number | null>;
  stderr(): string;
}

function start(...places: readonly Place[]): Child {
  const files = places.flatMap(({ folder, counter }) => [folder, counter]);
  const child = spawn(process.execPath, [join(bundle, "ledger-child.mjs"), ...files], {
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
 * Starts runs in their folders, or goes on with them, and kills them within a third of a second: mostly after the first
 * update of one of them, for the rest after they began to prepare.
 */
async function killedRuns(places: readonly Place[], random: RandomStream): Promise<Child> {
  const all = () => places.reduce((sum, { counter }) => sum + updates(counter), 0);
  const before = all();
  const child = start(...places);
  await child.ready;
  if (random.bernoulli(0.75)) {
    while (all() === before && child.process.exitCode === null) await sleep(2);
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
function check({ folder, counter }: Place): void {
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
function tear({ folder }: Place, random: RandomStream): void {
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
      const places = Array.from({ length: FOLDERS }, (_, i) => ({
        folder: join(parent, `run-${i}`),
        counter: join(parent, `count-${i}`),
      }));
      const groups = Array.from({ length: FOLDERS / TOGETHER }, (_, i) =>
        places.slice(i * TOGETHER, (i + 1) * TOGETHER),
      );
      let killedAtWork = 0;
      await inParallel([...groups.entries()], async ([index, group]) => {
        const random = new RandomStream(new Uint8Array(32).fill(index + 1));
        for (let kill = 0; kill < KILLS / FOLDERS; kill++) {
          const before = group.map(({ counter }) => updates(counter));
          const rival = kill % 5 === 4 ? start(...group) : undefined; // of two in one folder, one goes on
          const child = await killedRuns(group, random);
          rival?.process.kill("SIGKILL");
          await rival?.ended;
          expect(`${child.stderr()}${rival?.stderr() ?? ""}`).toMatch(rival ? /^(.* is in use by .*\n)*$/ : /^$/);
          killedAtWork += group.filter(({ counter }, i) => updates(counter) > (before[i] ?? 0)).length;
          group.forEach(check);
          for (const place of group) if (random.bernoulli(0.4)) tear(place, random);
          group.forEach(check);
        }
        await branch(group, random);
      });
      expect(killedAtWork).toBeGreaterThan(KILLS / 4); // else the test shows nothing
    },
    TIMEOUT,
  );

  /** The folders are copied, and all are gone on with. */
  async function branch(group: readonly Place[], random: RandomStream): Promise<void> {
    const begun = group.filter(({ folder }) => existsSync(join(folder, "ledger.jsonl")));
    const copies = begun.map(({ folder, counter }) => ({ folder: `${folder}-copy`, counter: `${counter}-copy` }));
    begun.forEach(({ folder }, i) => {
      const copy = copies[i]?.folder as string;
      cpSync(folder, copy, { recursive: true });
      rmSync(join(copy, "run.lock"), { force: true });
    });
    const before = begun.map(({ counter }) => updates(counter));
    await killedRuns(begun, random);
    await killedRuns(copies, random);
    begun.forEach((place, i) => {
      const copy = copies[i] as Place;
      const together = composeLedgers([place, copy].map(({ folder }) => readRunLedger(folder)));
      expect(together.steps).toBeGreaterThanOrEqual(updates(place.counter) + updates(copy.counter));
      const alone = together.ledgers.reduce((sum, { steps }) => sum + steps, 0);
      if (before[i]) expect(together.steps).toBeLessThan(alone);
    });
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
        const place = { folder: join(disk, "run"), counter: join(disk, "..", "count") };
        const ballast = join(disk, "ballast");
        for (const kilobytes of [80, 72, 64]) {
          writeFileSync(ballast, "");
          const before = updates(place.counter);
          const child = start(place);
          while (updates(place.counter) < before + 20 && child.process.exitCode === null) await sleep(2);
          spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1k", `count=${kilobytes}`]);
          expect(await child.ended).toBe(1); // metrics alone fill what is left
          expect(child.stderr()).toContain("ENOSPC");
          check(place);
          rmSync(ballast);
        }
      }),
    TIMEOUT,
  );

  it(
    "that turns read-only: the run stops, and nothing is begun on it",
    () =>
      mounted(async (disk) => {
        const place = { folder: join(disk, "run"), counter: join(disk, "..", "count") };
        await killedRuns([place], new RandomStream(new Uint8Array(32)));
        const before = updates(place.counter);
        execFileSync("mount", ["-o", "remount,ro", disk]);
        const refused = start(place);
        expect(await refused.ended).toBe(3);
        expect(refused.stderr()).toMatch(/run: cannot be written \(EROFS/);
        expect(updates(place.counter)).toBe(before);
        check(place);
      }),
    TIMEOUT,
  );
});
