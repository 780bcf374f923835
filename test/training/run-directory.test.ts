import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { spentOf, statusOf } from "../../src/privacy/ledger-compose.js";
import { countSteps } from "../../src/privacy/ledger-rows.js";
import { writeAtomically } from "../../src/training/files.js";
import { freshRunPath, RunDirectory, RunDirectoryError, readRunLedger } from "../../src/training/run-directory.js";
import { row, runFacts } from "./ledgers.js";

const facts = runFacts();
const from = (step: number) => () => ({ step });

describe("RunDirectory", () => {
  let parent: string;
  let path: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "hushgrad-run-"));
    path = join(parent, "run");
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  const lock = () => join(path, "run.lock");
  const file = () => join(path, "ledger.jsonl");
  const resume = (step = 0, fingerprint = facts.fingerprint) => RunDirectory.resume(path, fingerprint, from(step));
  const onDisk = () => {
    const ledger = readRunLedger(path);
    return { status: statusOf(ledger), steps: countSteps(spentOf(ledger)) };
  };

  const killed = async (...reserved: number[]): Promise<void> => {
    const run = RunDirectory.create(path, facts);
    for (const steps of reserved) await run.reserve(0, [row(steps)]);
    run.release();
  };

  /** A process that has ended. */
  const dead = (token = "0".repeat(16)) => ({
    pid: spawnSync(process.execPath, ["-e", ""]).pid,
    host: hostname(),
    token,
  });

  const ended = async (status: "interrupted" | "finished"): Promise<void> => {
    const run = RunDirectory.create(path, facts);
    await run.reserve(0, [row(10)]);
    run.settle(status, 3, 3);
    run.release();
  };

  it("does not start over a run that is there", async () => {
    await ended("finished");
    expect(() => RunDirectory.create(path, facts)).toThrow(/holds a run already: --resume continues it, another --out/);
    expect(() => resume(3)).toThrow(/finished run/);
  });

  it.each(["privacy.json", "state.safetensors", "state.previous.safetensors", "checkpoint.safetensors"])(
    "neither starts nor resumes over %s of a run whose ledger is gone: what it spent would be forgotten",
    async (name) => {
      await ended("interrupted");
      const left = join(path, name);
      writeFileSync(left, "{}");
      const ledger = readFileSync(file());
      rmSync(file());
      const refusal = `${path} holds ${name} but no ledger.jsonl, without which what that run spent of ε would be forgotten: put its ledger.jsonl back, or another --out starts a new run`;
      for (const open of [() => RunDirectory.create(path, facts), () => resume(3)]) {
        expect(open).toThrow(new RunDirectoryError(refusal));
        expect(readdirSync(path)).toEqual([name]);
      }
      writeFileSync(file(), ledger);
      const run = resume(3);
      expect(run.accountedSteps).toBe(3);
      run.release();
    },
  );

  it("starts where a process died before its ledger was there, and where no run's files are", () => {
    mkdirSync(path);
    for (const name of ["ledger.jsonl.123.tmp", "config.json", "metrics.csv", "notes.txt"]) {
      writeFileSync(join(path, name), "half");
    }
    writeFileSync(lock(), JSON.stringify(dead()));
    expect(() => resume()).toThrow(/no run to resume: leave --resume out/);
    RunDirectory.create(path, facts).release();
    expect(onDisk()).toEqual({ status: "running", steps: 0 });
  });

  it("resumes only a run of the same settings", async () => {
    await ended("interrupted");
    expect(() => resume(3, "b".repeat(64))).toThrow(/another configuration/);
    expect(() => RunDirectory.resume(join(parent, "none"), facts.fingerprint, from(0))).toThrow(/no run to resume/);
    const run = resume(3);
    expect(run.accountedSteps).toBe(3);
    run.release();
  });

  it("counts what was reserved by a process that died, again and again", async () => {
    await killed(10);
    const first = resume(4);
    expect(first.accountedSteps).toBe(10);
    await first.reserve(4, [row(6)]); // 6 lost, 10 of the model
    first.release();
    const second = resume(4);
    expect(second.accountedSteps).toBe(16);
    await second.reserve(4, [row(5), row(3, 2)]);
    second.settle("interrupted", 10, 22);
    expect(second.spent).toEqual([row(21), row(1, 2)]);
    second.release();
    expect(onDisk()).toEqual({ status: "interrupted", steps: 22 });
  });

  it("has counted on disk before reserve() resolves", async () => {
    const run = RunDirectory.create(path, facts);
    expect(onDisk()).toEqual({ status: "running", steps: 0 });
    for (const [steps, total] of [
      [10, 10],
      [1, 11],
      [16, 27],
    ] as const) {
      await run.reserve(0, [row(steps)]);
      expect(onDisk()).toEqual({ status: "running", steps: total });
    }
    run.release();
  });

  it("reserves no more than a damaged line is counted as, whatever the plan of a later version would be", async () => {
    await killed(20);
    const run = resume();
    expect(run.largestReservation).toBe(20);
    await expect(run.reserve(0, [row(15), row(6, 2)])).rejects.toThrow("steps must be an integer in [1, 20], got 21");
    run.release();
    expect(onDisk().steps).toBe(20);
  });

  it("belongs to one process at a time, until that one is gone", () => {
    const run = RunDirectory.create(path, facts);
    expect(() => resume()).toThrow(new RegExp(`in use by process ${process.pid};`));
    run.release();
    writeFileSync(lock(), JSON.stringify(dead()));
    resume().release();
    expect(existsSync(lock())).toBe(false);
  });

  it("is not taken from a process of another machine, of which nobody knows whether it lives", async () => {
    await killed();
    const holder = { ...dead(), host: "elsewhere" };
    writeFileSync(lock(), JSON.stringify(holder));
    expect(() => resume()).toThrow(
      `in use by process ${holder.pid} on elsewhere; if that is none of yours, delete ${lock()}`,
    );
  });

  it.each(["", "{", "[]", '{"pid":-1,"host":"h"}', '{"pid":1,"host":"h","token":"../x"}', "123"])(
    "is not taken where the lock says %j",
    async (content) => {
      await killed();
      writeFileSync(lock(), content);
      expect(() => resume()).toThrow(/in use by another process; .*run\.lock/);
    },
  );

  it("is taken over from one that died while it took over, and from nobody who lives", async () => {
    await killed();
    const [first, second] = ["1", "2"].map((digit) => dead(digit.repeat(16)));
    writeFileSync(lock(), JSON.stringify(first));
    writeFileSync(`${lock()}.after-${first?.token}`, JSON.stringify(second));
    const alive = { pid: process.pid, host: hostname(), token: "3".repeat(16) };
    writeFileSync(`${lock()}.after-${second?.token}`, JSON.stringify(alive));
    expect(() => resume()).toThrow(`in use by process ${process.pid};`);
    rmSync(`${lock()}.after-${second?.token}`);
    const run = resume();
    expect(readdirSync(path).filter((name) => name.startsWith("run.lock"))).toEqual(["run.lock"]);
    run.release();
    expect(existsSync(lock())).toBe(false);
  });

  it("stops the first of two processes in one folder, whose lock was deleted, before it takes a step not counted", async () => {
    const first = RunDirectory.create(path, facts);
    await first.reserve(0, [row(5)]);
    rmSync(lock());
    const second = resume();
    expect(second.accountedSteps).toBe(5);
    await expect(first.reserve(5, [row(5)])).rejects.toThrow(/ledger\.jsonl: was written to, moved or replaced/);
    expect(() => first.settle("interrupted", 5, 5)).toThrow(RunDirectoryError);
    first.release();
    expect(existsSync(lock())).toBe(true); // the second's
    await second.reserve(0, [row(7)]);
    second.release();
    expect(onDisk()).toEqual({ status: "running", steps: 12 });
  });

  it("stops where its ledger was replaced", async () => {
    const run = RunDirectory.create(path, facts);
    writeAtomically(file(), readFileSync(file()));
    await expect(run.reserve(0, [row(5)])).rejects.toThrow(/moved or replaced/);
    run.release();
  });

  it("counts a last line that is damaged as the largest reservation, and goes on", async () => {
    await killed(3, 2);
    const whole = readFileSync(file(), "utf8");
    writeFileSync(file(), whole.slice(0, -20));
    expect(onDisk()).toEqual({ status: "running", steps: 3 + facts.largestReservation });
    const run = resume();
    expect(run.accountedSteps).toBe(3 + facts.largestReservation);
    await run.reserve(0, [row(4)]);
    run.release();
    expect(onDisk()).toEqual({ status: "running", steps: 7 + facts.largestReservation });
  });

  it("names a line that is damaged and not the last, and what was lost", async () => {
    await killed(3, 2, 1);
    const lines = readFileSync(file(), "utf8").split("\n");
    const put = (changed: string[]) => writeFileSync(file(), changed.join("\n"));
    put(lines.map((line, i) => (i === 1 ? line.replace('"steps":3', '"steps":2') : line)));
    expect(() => resume()).toThrow(/ledger\.jsonl: line 2 is damaged: its SHA-256/);
    expect(existsSync(lock())).toBe(false);
    put(lines.filter((_, i) => i !== 2));
    expect(() => resume()).toThrow(/ledger\.jsonl: line 3 is entry 3, not 2/);
  });

  it("does not go on with a ledger that is older than the checkpoint or privacy.json", async () => {
    const run = RunDirectory.create(path, facts);
    await run.reserve(0, [row(3)]);
    const older = readFileSync(file());
    await run.reserve(3, [row(3)]);
    const { mark } = run;
    run.release();
    const newer = readFileSync(file());
    writeFileSync(file(), older);
    const point = { step: 4, from: { file: "state.safetensors", mark } };
    expect(() => RunDirectory.resume(path, facts.fingerprint, () => point)).toThrow(
      /ends at line 2, but state\.safetensors was written after line 3: steps were taken that the ledger no longer holds/,
    );
    const privacy = join(path, "privacy.json");
    writeFileSync(privacy, JSON.stringify({ ledger: mark }));
    expect(() => resume()).toThrow(/ends at line 2, but .*privacy\.json was written after line 3/);
    writeFileSync(file(), newer);
    RunDirectory.resume(path, facts.fingerprint, () => point).release();
    writeFileSync(privacy, JSON.stringify({ ledger: { ...mark, hash: "0".repeat(64) } }));
    expect(() => resume()).toThrow(/line 3 is not the entry that .*privacy\.json was written after/);
  });

  it("takes a damaged privacy.json for what it is: a file that follows from the ledger", async () => {
    await killed(3);
    writeFileSync(join(path, "privacy.json"), '{"ledger": {"seq');
    expect(onDisk().steps).toBe(3);
  });

  it.each(["", "{}", "\0\0\0", '{"kind":"start"}\n'])(
    "refuses a ledger whose first line is damaged: %j",
    async (content) => {
      await killed(1);
      writeFileSync(file(), content);
      expect(() => resume()).toThrow(/ledger\.jsonl/);
      expect(existsSync(lock())).toBe(false);
    },
  );

  it("removes what a process was writing when it died", async () => {
    await killed(1);
    for (const file of ["state", "noise.secret"]) appendFileSync(join(path, `${file}.safetensors.123.tmp`), "half");
    resume().release();
    expect(readdirSync(path).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("is a RunDirectoryError", () => {
    expect(() => resume()).toThrow(RunDirectoryError);
  });

  it("numbers fresh folders past the last", () => {
    expect(freshRunPath(join(parent, "runs"), "mnist")).toBe(join(parent, "runs", "mnist-001"));
    mkdirSync(join(parent, "runs", "mnist-007"), { recursive: true });
    expect(freshRunPath(join(parent, "runs"), "mnist")).toBe(join(parent, "runs", "mnist-008"));
  });
});

describe("writeAtomically", () => {
  it("replaces a file whole and leaves nothing beside it", () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-files-"));
    const path = join(folder, "f");
    writeAtomically(path, "one");
    writeAtomically(path, new Uint8Array([50]));
    expect(readFileSync(path, "utf8")).toBe("2");
    writeAtomically(path, "three", join(folder, "before"));
    expect([path, join(folder, "before")].map((file) => readFileSync(file, "utf8"))).toEqual(["three", "2"]);
    expect(() => writeAtomically(join(folder, "none", "f"), "x")).toThrow(/ENOENT/);
    rmSync(folder, { recursive: true });
  });
});
