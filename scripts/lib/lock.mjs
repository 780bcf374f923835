// One set-up at a time in a clone: a second process waits for the first, and takes over from one that died.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * @template T
 * @param {string} path the lock file; names its owner
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryLock(path)) {
    if (!told) console.log("Another process is setting up this folder; waiting for it …");
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const release = () => rmSync(path, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/** @param {string} path */
function tryLock(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, identity(process.pid) ?? "");
  try {
    linkSync(own, path); // atomic, and the file is never seen empty
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  } finally {
    rmSync(own, { force: true });
  }
  if (ownerLives(path)) return false;
  rmSync(path, { force: true });
  return tryLock(path);
}

/** @param {string} path */
function ownerLives(path) {
  try {
    const owner = readFileSync(path, "utf8");
    return identity(Number(owner.split(" ")[0])) === owner;
  } catch {
    return true; // released in between: try again
  }
}

/**
 * Process ids are used again (in containers soon), so the start time is part of the name.
 *
 * @param {number} pid
 * @returns {string | null} null when there is no such process
 */
function identity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${pid} ${startTicks}`;
  } catch {
    return null;
  }
}
