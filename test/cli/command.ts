/** Runs the command line as users do, in a process of its own, or faster, in this one. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { vi } from "vitest";
import { main } from "../../src/cli/program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with all of stderr so far, whenever there is more. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** `hushgrad ARGS`; resolves when it has ended. */
export function hushgrad(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { DEBUG: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ["--import", tsx, join(root, "src", "cli", "main.ts"), ...args], {
    cwd: options.cwd ?? root,
    env: { ...inherited, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    options.onStderr?.(stderr, child);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** `hushgrad ARGS` without a process of its own: for what needs no signals and no working folder. */
export async function inProcess(args: readonly string[]): Promise<Outcome> {
  const captured = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      captured[name] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(args), ...captured };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
