/** Opens pages from disk in Debian's Chromium, where there is one. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { findExecutable } from "../../scripts/lib/system-packages.mjs";
import { temporaryFolder } from "../training/tiny.js";

/** Undefined: tests that need it are skipped, and say so. */
export const chromium = findExecutable("chromium") ?? undefined;

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Runs Chromium on the file with more flags; gives stdout. */
export async function open(file: string, ...more: readonly string[]): Promise<string> {
  const profile = `--user-data-dir=${join(temporaryFolder(), "profile")}`;
  const all = [...flags, profile, ...more, pathToFileURL(file).href];
  const { stdout } = await promisify(execFile)(chromium ?? "chromium", all, { maxBuffer: 2 ** 26, timeout: 120_000 });
  return stdout;
}
