/** Children that run our own engine: from dist/, or from the sources through tsx. */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LineChild } from "./line-child.js";
import type { ChildTask } from "./protocol.js";

export function startOwnChild(task: ChildTask): LineChild {
  return new LineChild(process.execPath, ["--expose-gc", ...loader(), script(), JSON.stringify(task)]);
}

const fromSources = import.meta.url.endsWith(".ts");

function script(): string {
  return fileURLToPath(new URL(fromSources ? "./child.ts" : "./child.js", import.meta.url));
}

function loader(): string[] {
  if (!fromSources) return [];
  return ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href];
}
