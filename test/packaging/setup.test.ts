import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "../../scripts/lib/lock.mjs";
import { TestReader } from "../../scripts/lib/native-tests.mjs";
import { packagesAreInstalled } from "../../scripts/lib/packages.mjs";
import { countVitest } from "../../scripts/lib/reports.mjs";
import { runLogged } from "../../scripts/lib/run.mjs";
import { isCurrent, stampOf, writeStamp } from "../../scripts/lib/stamps.mjs";

const scripts = join(dirname(fileURLToPath(import.meta.url)), "../../scripts/lib");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hushgrad-setup-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("stamps", () => {
  it("change with a file's content, its name and a fact, and with nothing else", () => {
    mkdirSync(join(folder, "src"));
    writeFileSync(join(folder, "src", "a.ts"), "1");
    const first = stampOf(folder, ["src", "absent"], ["x64"]);
    expect(stampOf(folder, ["src", "absent"], ["x64"])).toBe(first);
    expect(stampOf(folder, ["src"], ["arm64"])).not.toBe(first);
    writeFileSync(join(folder, "src", "a.ts"), "2");
    expect(stampOf(folder, ["src"], ["x64"])).not.toBe(first);
    writeFileSync(join(folder, "src", "a.ts"), "1");
    writeFileSync(join(folder, "src", "b.ts"), "");
    expect(stampOf(folder, ["src"], ["x64"])).not.toBe(first);
  });

  it("count only while the product is there", () => {
    const product = join(folder, "product");
    const file = join(folder, "build", "stamp");
    writeFileSync(product, "");
    expect(isCurrent(file, "a", product)).toBe(false);
    writeStamp(file, "a");
    expect(isCurrent(file, "a", product)).toBe(true);
    expect(isCurrent(file, "b", product)).toBe(false);
    rmSync(product);
    expect(isCurrent(file, "a", product)).toBe(false);
  });
});

/** A process that holds the lock until it is killed. */
async function startHolder(lock: string): Promise<ChildProcess> {
  const script = `
    const { withLock } = await import(${JSON.stringify(join(scripts, "lock.mjs"))});
    await withLock(${JSON.stringify(lock)}, () => { console.log("held"); return new Promise((done) => setTimeout(done, 60_000)); });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

describe("the set-up's lock", () => {
  it("lets one in at a time and is gone afterwards", async () => {
    const lock = join(folder, "lock");
    const events: string[] = [];
    const work = (name: string) => async () => {
      events.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      events.push(`${name} out`);
    };
    await Promise.all([withLock(lock, work("a")), withLock(lock, work("b"))]);
    expect(events).toEqual(["a in", "a out", "b in", "b out"]);
    expect(existsSync(lock)).toBe(false);
  });

  it("is free again when the work throws", async () => {
    const lock = join(folder, "lock");
    await expect(withLock(lock, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(existsSync(lock)).toBe(false);
  });

  it("keeps another process out, and is taken over from one that was killed", async () => {
    const lock = join(folder, "lock");
    const holder = await startHolder(lock);
    let entered = false;
    const waiting = withLock(lock, async () => {
      entered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(entered).toBe(false);
    holder.kill("SIGKILL");
    await waiting;
    expect(entered).toBe(true);
  });

  it("is not fooled by a process that got the dead owner's id", async () => {
    const lock = join(folder, "lock");
    writeFileSync(lock, `${process.pid} 1`); // this process's id, another start time
    expect(await withLock(lock, async () => "in")).toBe("in");
  });
});

describe("npm packages", () => {
  const wanted = {
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "2.0.0", optional: true },
  };

  function write(present: unknown): boolean {
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
    const text = typeof present === "string" ? present : JSON.stringify({ packages: present });
    writeFileSync(join(folder, "node_modules", ".package-lock.json"), text);
    return packagesAreInstalled(folder);
  }

  it("are installed when every package has its version; optional ones may be another platform's", () => {
    expect(write({ "node_modules/a": { version: "1.0.0" } })).toBe(true);
  });

  it.each([
    ["a package is absent", {}],
    ["a package has another version", { "node_modules/a": { version: "0.9.0" } }],
    ["npm was killed while it wrote", '{"packages": {"node_mod'],
  ])("are not when %s", (_, present) => {
    expect(write(present)).toBe(false);
  });

  it("are not in a fresh clone", () => {
    expect(packagesAreInstalled(folder)).toBe(false);
  });
});

describe("reports", () => {
  it("counts a test file that does not load as a failure", () => {
    const testResults = [{ status: "failed", assertionResults: [] }];
    const report = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, testResults };
    expect(countVitest(report)).toEqual({ passed: 5, failed: 2, skipped: 2 });
  });
});

describe("native tests", () => {
  const passing = ["[ RUN      ] A.One", "[       OK ] A.One (3 ms)"];
  const failing = ["[ RUN      ] A.Two/0", "not equal", "[  FAILED  ] A.Two/0, where GetParam() = 7 (2 ms)"];

  function read(status: number, lines: readonly string[]) {
    const printed: string[] = [];
    const reader = new TestReader((text) => printed.push(text));
    for (const line of lines) reader.read(line);
    return { counts: reader.finish(status), printed: printed.join("\n") };
  }

  it("are counted one by one; of those that pass nothing is shown, of those that fail everything", () => {
    const skipped = ["[ RUN      ] A.Three", "no GPU", "[  SKIPPED ] A.Three (0 ms)"];
    const end = [
      "[  PASSED  ] 1 test.",
      "[  SKIPPED ] 1 test, listed below:",
      "[  FAILED  ] A.Two/0, where GetParam() = 7",
    ];
    const { counts, printed } = read(1, [
      "[==========] Running 3 tests from 1 test suite.",
      ...[...passing, ...failing, ...skipped, ...end],
    ]);
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 1 });
    expect(printed).toBe(failing.join("\n"));
  });

  it("that end the process have failed, with what it said, and so have those that were to follow", () => {
    const { counts, printed } = read(134, [
      "[==========] Running 4 tests from 1 test suite.",
      ...[...passing, "[ RUN      ] A.Two/0", "AddressSanitizer: heap-use-after-free"],
    ]);
    expect(counts).toEqual({ passed: 1, failed: 3, skipped: 0 });
    expect(printed).toMatch(
      /heap-use-after-free\n.*A\.Two\/0: the process ended \(exit status 134\)\n.*2 tests did not run/,
    );
  });

  it("are no success where the process fails without one, or does not start", () => {
    const leaking = [
      "[==========] Running 1 test from 1 test suite.",
      ...passing,
      "LeakSanitizer: detected memory leaks",
    ];
    expect(read(1, leaking).counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(read(1, leaking).printed).toContain("LeakSanitizer");
    expect(read(127, []).counts).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe("logged commands", () => {
  it("show the log's end and its place when they fail, and nothing when they do not", async () => {
    const log = join(folder, "log");
    await runLogged("Greeting", log, "/bin/sh", ["-c", "echo hello"]);
    expect(readFileSync(log, "utf8")).toContain("hello");
    const failing = runLogged("Building", log, "/bin/sh", ["-c", "echo broken; exit 3"]);
    await expect(failing).rejects.toThrow(/broken[\s\S]*Building failed \(exit status 3\)\. The whole log: .*log$/);
  });

  it("say so when the command does not exist", async () => {
    const failing = runLogged("Building", join(folder, "log"), join(folder, "absent"), []);
    await expect(failing).rejects.toThrow("Building failed (exit status 127)");
  });
});
