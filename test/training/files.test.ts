import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import {
  makeFolder,
  readJson,
  whyUnreadable,
  writeAtomically,
  writeAtomicallyLater,
  writeOutput,
} from "../../src/training/files.js";
import { temporaryFolder } from "./tiny.js";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

describe("makeFolder", () => {
  it("makes parents too, takes what is there, and follows links", () => {
    makeFolder(join(folder, "a", "b", "c"));
    makeFolder(join(folder, "a", "b", "c"));
    symlinkSync(join(folder, "a"), join(folder, "link"));
    makeFolder(join(folder, "link", "d", "..", "e"));
    expect(existsSync(join(folder, "a", "b", "c"))).toBe(true);
    expect(existsSync(join(folder, "a", "e"))).toBe(true);
  });

  it("names the file in its way", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below"), join(file, "far", "below")]) {
      expect(() => makeFolder(path)).toThrow(`${file}: cannot be made: there is a file of that name`);
    }
  });

  // In a process of its own: a call that never returns would take the tests with it.
  it.skipIf(!existsSync("/proc/self"))("fails at once where no folders can be made, as in /proc", () => {
    const script = `import("./src/training/files.ts").then(({ makeFolder }) => makeFolder("/proc/x/y"))`;
    const { status, stderr } = spawnSync(process.execPath, ["--import", tsx, "-e", script], {
      timeout: 150_000,
      encoding: "utf8",
    });
    expect(stderr).toContain("/proc/x: cannot be made: no folders can be made in /proc; give a folder");
    expect(status).toBe(1);
  });
});

describe("writeOutput", () => {
  it("writes into a folder that is there, and names the file where it cannot, leaving nothing", () => {
    writeOutput(join(folder, "page"), "text");
    expect(readFileSync(join(folder, "page"), "utf8")).toBe("text");
    mkdirSync(join(folder, "taken"));
    for (const [path, why] of [
      [join(folder, "missing", "page"), "there is no such folder"],
      [join(folder, "page", "page"), "there is no such folder"],
      [join(folder, "taken"), "it is a folder, not a file"],
    ] as const) {
      expect(() => writeOutput(path, "text")).toThrow(`${path}: cannot be written: ${why}; give a file in a folder`);
    }
    expect(readdirSync(folder).sort()).toEqual(["page", "taken"]);
  });
});

describe("readJson", () => {
  it("knows a file that is missing from one that is a folder or no JSON", () => {
    expect(readJson(join(folder, "missing.json"))).toBeUndefined();
    const path = join(folder, "list.json");
    writeFileSync(path, "[1,");
    expect(() => readJson(path)).toThrow(/list\.json: not JSON \(/);
    mkdirSync(join(folder, "folder"));
    expect(() => readJson(join(folder, "folder"))).toThrow(`${join(folder, "folder")}: it is a folder, not a file`);
  });
});

it.each([
  ["ENOENT", "there is no such file"],
  ["ENOTDIR", "there is no such file"],
  ["EISDIR", "it is a folder, not a file"],
  ["EACCES", "this user has no permission"],
  ["EIO", "EIO: i/o error, read"],
])("%s reads: %s", (code, words) => {
  expect(whyUnreadable(Object.assign(new Error("EIO: i/o error, read"), { code }))).toBe(words);
});

describe("writeAtomically", () => {
  it("names the file, not what it could not clean up, where a file stands for its folder", async () => {
    writeFileSync(join(folder, "file"), "");
    const path = join(folder, "file", "state");
    expect(() => writeAtomically(path, "x")).toThrow(`${path}: cannot be written (ENOTDIR`);
    await expect(writeAtomicallyLater(path, "x")).rejects.toThrow(`${path}: cannot be written (ENOTDIR`);
  });
});
