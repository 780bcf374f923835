/** The addon that tests run: the one that the repository builds, or HUSHGRAD_BINARY. */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { NativeBinding } from "../../src/native/binding.js";
import { packageRoot } from "../../src/native/load.js";

export const binaryPath = process.env.HUSHGRAD_BINARY
  ? resolve(process.env.HUSHGRAD_BINARY)
  : join(packageRoot(), "build", "Release", "hushgrad.node");

export function requireBinding(): NativeBinding {
  return createRequire(import.meta.url)(binaryPath) as NativeBinding;
}
