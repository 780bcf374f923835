/** `hushgrad build`: builds the native addon of an installed package, where no prebuilt binary fits. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { packageRoot } from "../native/load.js";

/** What scripts/lib offers to the commands; plain JavaScript, for it runs before anything is compiled. */
interface PlatformModule {
  problem(): string | null;
}

export interface SystemPackage {
  /** Debian's name. */
  readonly name: string;
  readonly why: string;
  readonly purpose: "build" | "test" | "lint";
}

export interface SystemPackagesModule {
  missingPackages(purposes: readonly string[]): SystemPackage[];
  installCommand(missing: readonly SystemPackage[]): string;
}

/**
 * Loads a module of scripts/lib/, which the package carries.
 * @param name its file name, such as `system-packages.mjs`
 */
export async function loadScript<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(packageRoot(), "scripts", "lib", name)).href)) as T;
}

/** Adds the command `build`. */
export function register(program: Command): void {
  program
    .command("build")
    .description("build the native addon here (needs a C++ compiler and a few system packages; says which)")
    .option("--debug", "without optimisation and with debug information, into build/Debug")
    .option("--jobs <n>", "compilers at once (default: one a core)")
    .action(async (options: { debug?: boolean; jobs?: string }) => build(options));
}

async function build(options: { debug?: boolean; jobs?: string }): Promise<void> {
  const reason = (await loadScript<PlatformModule>("platform.mjs")).problem();
  if (reason !== null) throw new Error(reason);
  await refuseMissingPackages();
  const args = [join(packageRoot(), "scripts", "build-native.mjs"), "--config", options.debug ? "Debug" : "Release"];
  if (options.jobs !== undefined) args.push("--jobs", options.jobs);
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exitCode = status ?? 1; // what failed is on the terminal already
}

async function refuseMissingPackages(): Promise<void> {
  const system = await loadScript<SystemPackagesModule>("system-packages.mjs");
  const missing = system.missingPackages(["build"]);
  if (missing.length === 0) return;
  const list = missing.map(({ name, why }) => `${name} (${why})`).join(", ");
  throw new Error(`missing system packages: ${list}.\nType: ${system.installCommand(missing)}`);
}
