/** Finds and loads the native addon; one error says what was tried and what to type. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeBinding } from "./binding.js";

const PACKAGE = "hushgrad";

/** The addon is not there, or does not load here. */
export class NativeLoadError extends Error {
  override readonly name = "NativeLoadError";
}

let loaded: NativeBinding | undefined;

/**
 * The native addon, loaded once: from `HUSHGRAD_BINARY` where that is set, else from `build/Release` of this package,
 * else from the optional package of this platform.
 * @throws NativeLoadError naming the platform, what was tried and the command that builds it.
 */
export function loadBinding(): NativeBinding {
  loaded ??= withPassiveWaiting(loadFirst);
  return loaded;
}

/** The folder that holds this package's package.json, from wherever this file runs: sources, dist or a bundle. */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (isPackageRoot(folder)) return folder;
    if (folder === dirname(folder)) throw new NativeLoadError(`no package.json of ${PACKAGE} above ${start}`);
  }
}

/** The version of this package, such as `0.1.0`. */
export function packageVersion(): string {
  return readManifest(packageRoot()).version as string;
}

function isPackageRoot(folder: string): boolean {
  return existsSync(join(folder, "package.json")) && readManifest(folder).name === PACKAGE;
}

function readManifest(folder: string): { readonly name?: unknown; readonly version?: unknown } {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as object;
}

interface Candidate {
  readonly label: string;
  load(): NativeBinding;
}

function candidates(): Candidate[] {
  const require = createRequire(import.meta.url);
  const override = process.env.HUSHGRAD_BINARY;
  // An override that fails must not be hidden by another binary that loads.
  if (override !== undefined && override !== "")
    return [file(`HUSHGRAD_BINARY=${override}`, resolve(override), require)];
  const optional = `@${PACKAGE}/${process.platform}-${process.arch}`;
  const built = join(packageRoot(), "build", "Release", `${PACKAGE}.node`);
  return [file(built, built, require), { label: optional, load: () => require(optional) as NativeBinding }];
}

function file(label: string, path: string, require: NodeJS.Require): Candidate {
  const load = (): NativeBinding => {
    if (!existsSync(path)) throw new Error("there is no such file");
    return require(path) as NativeBinding;
  };
  return { label, load };
}

function loadFirst(): NativeBinding {
  const tried: string[] = [];
  for (const candidate of candidates()) {
    try {
      return current(candidate.load());
    } catch (error) {
      tried.push(`  ${candidate.label}: ${reason(error)}`);
    }
  }
  const here = `${process.platform}-${process.arch} (Node.js ${process.version})`;
  throw new NativeLoadError(
    `hushgrad's native addon did not load on ${here}. Tried:\n${tried.join("\n")}\nBuild it here with: npx hushgrad build`,
  );
}

/** An addon of another version, or of another border within it, would fail somewhere in a run, or worse, not fail. */
function current(binding: Partial<NativeBinding>): NativeBinding {
  const { version = "an older version" } = binding;
  const wanted = packageVersion();
  if (version !== wanted) {
    throw new Error(`it was built from ${version} of ${PACKAGE}, and this is ${wanted}: it must be built again`);
  }
  const border = join(packageRoot(), "src", "native", "binding.ts");
  // In a clone alone: what is published together is of one version.
  if (existsSync(border) && binding.border !== createHash("sha256").update(readFileSync(border)).digest("hex")) {
    throw new Error("it was built from another src/native/binding.ts than this one: it must be built again");
  }
  return binding as NativeBinding;
}

function reason(error: unknown): string {
  if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") return "not installed";
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}

/**
 * OpenMP reads OMP_WAIT_POLICY while the addon loads. Passive: threads that wait for the next parallel region leave
 * their core to others (JavaScript, the reading of the next batch) instead of spinning; on a machine with other work,
 * spinning doubled the time of a step. Child processes must not inherit it. In a worker thread process.env is a copy
 * that native code does not see: a program that loads the addon there first sets the policy outside.
 */
function withPassiveWaiting<T>(load: () => T): T {
  const before = process.env.OMP_WAIT_POLICY;
  if (before) return load();
  process.env.OMP_WAIT_POLICY = "PASSIVE";
  try {
    return load();
  } finally {
    if (before === undefined) delete process.env.OMP_WAIT_POLICY;
    else process.env.OMP_WAIT_POLICY = before;
  }
}
