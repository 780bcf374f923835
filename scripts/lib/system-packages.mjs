// The system packages (Debian and Ubuntu names) that building and testing take: which are missing, and installing them.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run, SetupError } from "./run.mjs";

/**
 * @typedef {object} SystemPackage
 * @property {string} name Debian's name
 * @property {string} why what it is for, in a few words
 * @property {"build" | "test" | "lint" | "page" | "cache"} purpose
 * @property {string[]} [executables] one of these in PATH will do
 * @property {string} [header] or this file in an include folder
 */

/** @type {readonly SystemPackage[]} */
export const systemPackages = [
  { name: "g++", why: "C++ compiler", purpose: "build", executables: ["g++", "c++", "clang++"] },
  { name: "cmake", why: "build system", purpose: "build", executables: ["cmake"] },
  { name: "ninja-build", why: "build system", purpose: "build", executables: ["ninja", "make"] },
  { name: "pkg-config", why: "finds libraries", purpose: "build", executables: ["pkg-config", "pkgconf"] },
  { name: "libdnnl-dev", why: "oneDNN: products and convolutions", purpose: "build", header: "oneapi/dnnl/dnnl.hpp" },
  { name: "libhwy-dev", why: "Highway: vector instructions", purpose: "build", header: "hwy/highway.h" },
  { name: "libssl-dev", why: "OpenSSL: random bits", purpose: "build", header: "openssl/evp.h" },
  { name: "libgtest-dev", why: "GoogleTest: native tests", purpose: "test", header: "gtest/gtest.h" },
  { name: "clang-format", why: "format of C++ files", purpose: "lint", executables: ["clang-format"] },
  { name: "chromium", why: "opens reports as a reader would", purpose: "page", executables: ["chromium"] },
  { name: "ccache", why: "compiles equal sources once", purpose: "cache", executables: ["ccache"] },
];

/**
 * @param {string} name
 * @returns {string | null} its path, where PATH has it
 */
export function findExecutable(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not here
    }
  }
  return null;
}

/** Folders where headers of libraries lie; HUSHGRAD_INCLUDE_PATH replaces the system's (for tests). */
function includeFolders() {
  const replaced = process.env.HUSHGRAD_INCLUDE_PATH;
  if (replaced !== undefined) return replaced.split(delimiter);
  const prefixes = [
    ...(process.env.CMAKE_PREFIX_PATH ?? "").split(/[;:]/),
    process.env.CONDA_PREFIX,
    "/usr/local",
    "/usr",
  ];
  const folders = prefixes.filter((prefix) => prefix).map((prefix) => join(String(prefix), "include"));
  const own = [process.env.CPATH, process.env.CPLUS_INCLUDE_PATH].flatMap((list) => (list ? list.split(":") : []));
  const system = existsSync("/usr/include")
    ? readdirSync("/usr/include").filter((name) => name.includes("-linux-"))
    : [];
  return [...own, ...folders, ...system.map((name) => join("/usr/include", name))];
}

/** @param {SystemPackage} entry */
function isPresent(entry) {
  if (entry.executables) return entry.executables.some((name) => findExecutable(name) !== null);
  return includeFolders().some((folder) => existsSync(join(folder, String(entry.header))));
}

/**
 * @param {readonly string[]} purposes
 * @returns {SystemPackage[]} those that are not there
 */
export function missingPackages(purposes) {
  return systemPackages.filter((entry) => purposes.includes(entry.purpose) && !isPresent(entry));
}

/** @param {readonly SystemPackage[]} missing @returns {string} the command to type */
export function installCommand(missing) {
  const names = missing.map((entry) => entry.name).join(" ");
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  return `${sudo}apt-get update && ${sudo}apt-get install -y ${names}`;
}

/** @param {readonly SystemPackage[]} missing @param {string} reason */
function cannotInstall(missing, reason) {
  const list = missing.map((entry) => `${entry.name} (${entry.why})`).join(", ");
  const one = missing.length === 1;
  const lead = `Missing system package${one ? "" : "s"}: ${list}. ${one ? "It" : "They"} could not be installed: ${reason}.`;
  if (findExecutable("apt-get") || existsSync("/etc/debian_version"))
    return new SetupError(`${lead}\nType: ${installCommand(missing)}`);
  return new SetupError(`${lead}\nInstall what your system calls these (the names are Debian's), then run this again.`);
}

/**
 * Installs what is missing: as root and in CI without a question, with sudo after one where there is a terminal.
 *
 * @param {readonly SystemPackage[]} missing
 * @throws {SetupError} one error that names the packages and the command to type
 */
export async function installPackages(missing) {
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.name);
  console.log(`Missing system packages: ${names.join(", ")}`);
  if (!findExecutable("apt-get")) throw cannotInstall(missing, "there is no apt-get here");
  const prefix = await commandPrefix(missing);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = async (/** @type {string[]} */ ...args) => {
    const [command, ...rest] = [...prefix, "apt-get", "-q", ...args];
    return run(String(command), rest, { env: environment });
  };
  console.log(`Installing ${names.join(", ")} with apt-get …`);
  await apt("update"); // a repository out of reach need not be the one that matters: the installation tells
  const status = await apt("install", "-y", "--no-install-recommends", ...names);
  if (status !== 0) throw cannotInstall(missing, `apt-get ended with exit status ${status}`);
  const still = missing.filter((entry) => !isPresent(entry));
  if (still.length > 0) throw cannotInstall(still, "apt-get ran, and yet they are not found");
}

/** @param {readonly SystemPackage[]} missing @returns {Promise<string[]>} what stands before apt-get */
async function commandPrefix(missing) {
  if (process.getuid?.() === 0) return [];
  if (!findExecutable("sudo")) throw cannotInstall(missing, "this is not root, and there is no sudo");
  const ask = process.stdin.isTTY && process.stdout.isTTY && !process.env.CI;
  if (!ask) {
    if (spawnSync("sudo", ["-n", "true"]).status === 0) return ["sudo", "-n"];
    throw cannotInstall(missing, "sudo wants a password, and there is no terminal to ask for it");
  }
  const { createInterface } = await import("node:readline/promises"); // here, for an old Node is told so before
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Install them with sudo apt-get? [Y/n] `);
  terminal.close();
  if (/^(y|yes|)$/i.test(answer.trim())) return ["sudo"];
  throw cannotInstall(missing, "you said no");
}
