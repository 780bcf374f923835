// npm packages of the clone: installed as package-lock.json says, and only when node_modules says otherwise.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runLogged } from "./run.mjs";

/** @typedef {{ version?: string, optional?: boolean, link?: boolean }} LockEntry */

/**
 * @param {string} root
 * @returns {boolean} whether node_modules holds every package of package-lock.json in its version
 */
export function packagesAreInstalled(root) {
  const wanted = readPackages(join(root, "package-lock.json"));
  const present = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !present) return false;
  // Optional packages are those of other platforms; npm leaves them out by itself.
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || present[path]?.version === entry.version,
  );
}

/** @param {string} file @returns {Record<string, LockEntry> | null} */
function readPackages(file) {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? null;
  } catch {
    return null; // cut off by a kill: install again
  }
}

/**
 * `npm ci` without lifecycle scripts: no package here needs one, and npm 12 blocks them.
 *
 * @param {string} root
 * @param {string} log
 */
export async function installPackagesOf(root, log) {
  const cli = process.env.npm_execpath;
  const isNpm = cli !== undefined && /npm-cli\.c?js$/.test(cli);
  const [command, lead] = isNpm ? [process.execPath, [cli]] : ["npm", []];
  const args = [...lead, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  // `npm ci --omit=dev` around us, or NODE_ENV=production, would leave out the compiler.
  await runLogged("Installing npm packages", log, command, [...args, "--include=dev"], { cwd: root });
}
