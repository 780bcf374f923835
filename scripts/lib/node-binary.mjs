// Other versions of Node.js, for tests: npm packages carry the binaries.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runLogged } from "./run.mjs";

/** Pinned, so that a run can be repeated. */
/** @type {Record<string, string>} */
const versions = { 20: "20.20.2", 24: "24.18.1" };
const npmVersion = "12.2.0";

/**
 * @param {string} root
 * @param {string} major "20" or "24"
 * @returns {Promise<string>} the path of that Node's binary: the running one where it fits
 */
export async function nodeBinary(root, major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const version = versions[major];
  if (!version) throw new Error(`Node ${major}: allowed are ${Object.keys(versions).join(", ")}`);
  const folder = await fetched(root, `node-linux-${process.arch}`, version);
  return join(folder, "bin", "node");
}

/** @param {string} root @returns {Promise<string>} the path of npm 12's cli (needs Node 22 or newer) */
export async function npmCli(root) {
  return join(await fetched(root, "npm", npmVersion), "bin", "npm-cli.js");
}

/**
 * A registry package's folder, unpacked under build/tools; fetched once.
 *
 * @param {string} root @param {string} name @param {string} version
 */
async function fetched(root, name, version) {
  const tools = join(root, "build", "tools");
  const folder = join(tools, `${name}-${version}`);
  if (existsSync(join(folder, "package.json"))) return folder;
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  const log = join(tools, "fetch.log");
  await runLogged(`Fetching ${name}@${version}`, log, "npm", [
    "pack",
    `${name}@${version}`,
    "--silent",
    "--pack-destination",
    work,
  ]);
  execFileSync("tar", ["-xzf", join(work, `${name}-${version}.tgz`), "-C", work]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(work, "package"), folder);
  rmSync(work, { recursive: true, force: true });
  return folder;
}
