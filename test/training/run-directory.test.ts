import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAtomically } from "../../src/training/files.js";
import { freshRunPath, RunDirectory, RunDirectoryError } from "../../src/training/run-directory.js";

describe("RunDirectory", () => {
  let parent: string;
  let path: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "hushgrad-run-"));
    path = join(parent, "run");
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  const killed = (reserved: number): void => {
    const run = RunDirectory.create(path, "a");
    run.reserve(reserved);
    run.abandon();
  };

  it("does not start over a run that is there", () => {
    RunDirectory.create(path, "a").close("finished", 3);
    expect(() => RunDirectory.create(path, "a")).toThrow(/holds a run already: --resume continues it, another --out/);
    expect(() => RunDirectory.resume(path, "a", () => 3)).toThrow(/finished run/);
  });

  it("resumes only a run of the same settings", () => {
    RunDirectory.create(path, "a").close("interrupted", 3);
    expect(() => RunDirectory.resume(path, "b", () => 3)).toThrow(/another configuration/);
    expect(() => RunDirectory.resume(join(parent, "none"), "a", () => 0)).toThrow(/no run to resume/);
    const run = RunDirectory.resume(path, "a", () => 3);
    expect([run.resumed, run.accountedSteps, run.lostSteps]).toEqual([1, 3, 0]);
    run.abandon();
  });

  it("counts what was reserved by a process that died, again and again", () => {
    killed(10);
    const first = RunDirectory.resume(path, "a", () => 4);
    expect([first.accountedSteps, first.lostSteps]).toEqual([10, 6]);
    first.reserve(16); // 6 lost, 10 of the model
    first.abandon();
    const second = RunDirectory.resume(path, "a", () => 4);
    expect([second.accountedSteps, second.lostSteps]).toEqual([16, 12]);
    second.abandon();
  });

  it("never lowers the count while running", () => {
    const run = RunDirectory.create(path, "a");
    run.reserve(10);
    run.reserve(5);
    expect(run.accountedSteps).toBe(10);
    expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8"))).toMatchObject({ accountedSteps: 10 });
    run.close("interrupted", 7);
    expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8"))).toMatchObject({
      accountedSteps: 7,
      status: "interrupted",
    });
  });

  it("belongs to one process at a time, until that one is gone", () => {
    const run = RunDirectory.create(path, "a");
    expect(() => RunDirectory.resume(path, "a", () => 0)).toThrow(new RegExp(`in use by process ${process.pid}`));
    run.abandon();
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(join(path, "run.lock"), String(dead));
    RunDirectory.resume(path, "a", () => 0).abandon();
    expect(existsSync(join(path, "run.lock"))).toBe(false);
  });

  it("is not taken from a process that is just writing its lock, nor over while another takes it over", () => {
    RunDirectory.create(path, "a").abandon();
    writeFileSync(join(path, "run.lock"), "");
    expect(() => RunDirectory.resume(path, "a", () => 0)).toThrow(/in use by another process; .*run\.lock/);
    writeFileSync(join(path, "run.lock"), String(spawnSync(process.execPath, ["-e", ""]).pid));
    writeFileSync(join(path, "run.lock.takeover"), String(process.pid));
    expect(() => RunDirectory.resume(path, "a", () => 0)).toThrow(/delete .*run\.lock\.takeover/);
    rmSync(join(path, "run.lock.takeover"));
    RunDirectory.resume(path, "a", () => 0).abandon();
    expect(existsSync(join(path, "run.lock.takeover"))).toBe(false);
  });

  it.each(["", "{}", '{"format":1,"status":"running","accountedSteps":-1}', "[]"])(
    "refuses a damaged record: %s",
    (content) => {
      killed(1);
      writeFileSync(join(path, "run.json"), content);
      expect(() => RunDirectory.resume(path, "a", () => 0)).toThrow(/run\.json/);
      expect(existsSync(join(path, "run.lock"))).toBe(false);
    },
  );

  it("is a RunDirectoryError", () => {
    expect(() => RunDirectory.resume(path, "a", () => 0)).toThrow(RunDirectoryError);
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
    expect(() => writeAtomically(join(folder, "none", "f"), "x")).toThrow(/ENOENT/);
    rmSync(folder, { recursive: true });
  });
});
