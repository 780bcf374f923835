/** `hushgrad doctor`: what a bug report needs, and what keeps hushgrad from running here. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, release, totalmem } from "node:os";
import type { Command } from "commander";
import type { NativeBinding, NativeDeviceStatus } from "../native/binding.js";
import { loadBinding, packageVersion } from "../native/load.js";
import { loadScript, type SystemPackagesModule } from "./build.js";
import { bytes } from "./format.js";

/** What `doctor --json` prints. */
export interface Diagnosis {
  readonly hushgrad: string;
  readonly node: string;
  readonly npm: string | null;
  readonly system: {
    readonly name: string;
    readonly kernel: string;
    readonly arch: string;
    readonly glibc: string | null;
  };
  readonly cpu: { readonly model: string; readonly cores: number; readonly usable: number };
  readonly memory: { readonly total: number; readonly free: number; readonly limit: number | null };
  readonly addon: AddonDiagnosis;
  readonly systemPackages: { readonly missing: readonly string[]; readonly install: string | null };
  /** Null where the addon does not load. */
  readonly cuda: NativeDeviceStatus | null;
  readonly environment: Readonly<Record<string, string>>;
}

export type AddonDiagnosis =
  | { readonly loads: true; readonly path: string | null; readonly info: ReturnType<NativeBinding["info"]> }
  | { readonly loads: false; readonly error: string };

/** Adds the command `doctor`; its exit code is 1 when the addon does not load. */
export function register(program: Command): void {
  program
    .command("doctor")
    .description("print what a bug report needs: versions, processor, memory, the native addon")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      const text = options.json ? JSON.stringify(diagnosis, null, 2) : describe(diagnosis);
      process.stdout.write(`${text}\n`);
      if (!diagnosis.addon.loads) process.exitCode = 1;
    });
}

/** Looks at this machine; never throws because something is missing. */
export async function diagnose(): Promise<Diagnosis> {
  const processor = cpus();
  return {
    hushgrad: packageVersion(),
    node: process.versions.node,
    npm: npmVersion(),
    system: { name: systemName(), kernel: release(), arch: process.arch, glibc: glibcVersion() },
    cpu: { model: processor[0]?.model.trim() ?? "unknown", cores: processor.length, usable: availableParallelism() },
    memory: { total: totalmem(), free: freemem(), limit: memoryLimit() },
    addon: diagnoseAddon(),
    systemPackages: await diagnosePackages(),
    cuda: diagnoseCuda(),
    environment: relevantEnvironment(),
  };
}

function diagnoseAddon(): AddonDiagnosis {
  try {
    const info = loadBinding().info();
    return { loads: true, path: loadedAddon(), info };
  } catch (error) {
    return { loads: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function diagnoseCuda(): NativeDeviceStatus | null {
  try {
    return loadBinding().device.status();
  } catch {
    return null;
  }
}

/** Where the dynamic linker took the addon from: what really runs, whatever was meant to. */
function loadedAddon(): string | null {
  const maps = readText("/proc/self/maps");
  return maps?.match(/\S*hushgrad\S*\.node$/m)?.[0] ?? process.env.HUSHGRAD_BINARY ?? null;
}

async function diagnosePackages(): Promise<Diagnosis["systemPackages"]> {
  const system = await loadScript<SystemPackagesModule>("system-packages.mjs");
  const missing = system.missingPackages(["build"]);
  return {
    missing: missing.map(({ name }) => name),
    install: missing.length > 0 ? system.installCommand(missing) : null,
  };
}

function npmVersion(): string | null {
  const fromNpm = /npm\/(\S+)/.exec(process.env.npm_config_user_agent ?? "")?.[1];
  if (fromNpm !== undefined) return fromNpm;
  try {
    return execFileSync("npm", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

function systemName(): string {
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readText("/etc/os-release") ?? "")?.[1];
  return pretty ?? process.platform;
}

function glibcVersion(): string | null {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? null;
}

/** The control group's limit in bytes: containers see the whole machine's memory otherwise. */
function memoryLimit(): number | null {
  const text = readText("/sys/fs/cgroup/memory.max") ?? readText("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  const limit = Number(text?.trim());
  return Number.isFinite(limit) && limit > 0 && limit < totalmem() ? limit : null;
}

/** Settings that change how the engine runs. */
function relevantEnvironment(): Record<string, string> {
  const wanted = /^(HUSHGRAD_|OMP_|GOMP_|DNNL_|ONEDNN_|HWY_|NODE_OPTIONS$)/;
  const entries = Object.entries(process.env).filter(([name, value]) => value !== undefined && wanted.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

function readText(path: string): string | null {
  try {
    return existsSync(path) ? readFileSync(path, "utf8") : null;
  } catch {
    return null;
  }
}

function describe(diagnosis: Diagnosis): string {
  const { system, cpu, memory, systemPackages } = diagnosis;
  const limit = memory.limit === null ? "" : `, limited to ${bytes(memory.limit)}`;
  const lines: [string, string][] = [
    ["hushgrad", diagnosis.hushgrad],
    ["Node.js", `${diagnosis.node}, npm ${diagnosis.npm ?? "not found"}`],
    ["system", `${system.name}, Linux ${system.kernel}, ${system.arch}, glibc ${system.glibc ?? "none"}`],
    ["processor", `${cpu.model}, ${cpu.cores} cores, ${cpu.usable} usable`],
    ["memory", `${bytes(memory.total)}, ${bytes(memory.free)} free${limit}`],
    ...describeAddon(diagnosis.addon),
    ["to build", systemPackages.install ? `missing; type: ${systemPackages.install}` : "system packages are all there"],
    ["CUDA", describeCuda(diagnosis.cuda)],
    ...Object.entries(diagnosis.environment),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines
    .map(([name, value]) => `${name.padEnd(width)}  ${value.replaceAll("\n", `\n${" ".repeat(width + 2)}`)}`)
    .join("\n");
}

function describeCuda(status: NativeDeviceStatus | null): string {
  if (status === null) return "the addon does not load";
  const { built, library, problem, device } = status;
  if (!built) return problem;
  if (device === null) return `built with CUDA, library ${library}; no GPU: ${problem}`;
  const memory = bytes(device.memoryBytes);
  return `${device.name} (compute ${device.computeCapability}, ${memory}), driver ${device.driver}, library ${library}`;
}

function describeAddon(addon: AddonDiagnosis): [string, string][] {
  if (!addon.loads) return [["addon", addon.error]];
  const { cpuFeatures, libraries, cores, layers } = addon.info;
  const versions = Object.entries(libraries).map(([name, version]) => `${name} ${version}`);
  return [
    ["addon", `loads${addon.path ? ` from ${addon.path}` : ""}`],
    ["libraries", versions.join(", ")],
    ["features", `${cpuFeatures.join(", ")}; ${cores} cores`],
    ["layers", layers.join(", ")],
  ];
}
