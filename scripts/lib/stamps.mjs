// Stamps: a hash of everything that went into a product. Equal stamp, product there: nothing to do.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * @param {string} root
 * @param {readonly string[]} inputs files and folders (whole) under root; missing ones count as missing
 * @param {readonly string[]} [facts] what else the product depends on
 * @returns {string} hex SHA-256
 */
export function stampOf(root, inputs, facts = []) {
  const hash = createHash("sha256");
  for (const fact of facts) hash.update(`fact ${fact}\0`);
  for (const file of inputs.flatMap((input) => filesUnder(join(root, input)))) {
    hash.update(`file ${relative(root, file)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const names = readdirSync(path).sort();
  return names.flatMap((name) => filesUnder(join(path, name)));
}

/** @param {string} file @param {string} stamp @param {string} product */
export function isCurrent(file, stamp, product) {
  return existsSync(product) && existsSync(file) && readFileSync(file, "utf8") === stamp;
}

/** @param {string} file @param {string} stamp */
export function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stamp);
}
