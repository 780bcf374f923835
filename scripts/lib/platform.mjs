// What hushgrad runs on. Imported before anything else, by any Node that knows modules: no newer syntax or API here.
import { readFileSync } from "node:fs";

const minimumNode = { major: 20, minor: 17 };

/**
 * @param {string} [version] as process.versions.node gives it
 * @returns {string | null} a sentence when this Node is too old
 */
export function nodeProblem(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > minimumNode.major || (major === minimumNode.major && minor >= minimumNode.minor)) return null;
  return `hushgrad needs Node.js ${minimumNode.major}.${minimumNode.minor} or newer; this is ${version}. Install a newer one: https://nodejs.org`;
}

/**
 * @param {string} [platform]
 * @param {string} [arch]
 * @returns {string | null} a sentence when hushgrad does not run here
 */
export function platformProblem(platform = process.platform, arch = process.arch) {
  if (platform === "linux" && (arch === "x64" || arch === "arm64")) return null;
  return `hushgrad runs on Linux (x64 or arm64); this is ${platform} ${arch}. On Windows use WSL, on macOS a Linux container.`;
}

/**
 * The addon's kernels start at AVX2 and FMA; newer instructions are chosen at run time.
 *
 * @param {string} [arch]
 * @param {string} [cpuinfo] the text of /proc/cpuinfo
 * @returns {string | null} a sentence when the processor is too old
 */
export function cpuProblem(arch = process.arch, cpuinfo = readCpuInfo()) {
  if (arch !== "x64") return null;
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo);
  if (!line || line[1] === undefined) return null;
  const flags = line[1].split(" ");
  if (["avx2", "fma"].every((flag) => flags.indexOf(flag) >= 0)) return null;
  const model = /^model name\s*:\s*(.*)$/m.exec(cpuinfo);
  return `hushgrad needs a processor with AVX2 and FMA (2013 and later); this one is ${model ? model[1] : "unknown"}.`;
}

function readCpuInfo() {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return ""; // not readable in some sandboxes: then the addon's own check answers
  }
}

/** @returns {string | null} the first reason why hushgrad cannot run here */
export function problem() {
  return nodeProblem() || platformProblem() || cpuProblem();
}
