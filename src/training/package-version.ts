import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../native/load.js";

/** The version of this package, such as `0.1.0`. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}
