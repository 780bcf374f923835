/** Commands that the packaging tests run, with all they printed. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

export interface Outcome {
  readonly status: number | null;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** Runs a command to its end, without this process's npm and Vitest variables, with the same flags for compilers. */
export function runCommand(cwd: string, command: string, args: readonly string[], path?: string): Outcome {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_ENV$|HUSHGRAD_(?!WERROR$))/.test(name),
  );
  const env: NodeJS.ProcessEnv = Object.fromEntries(inherited);
  if (path !== undefined) env.PATH = `${path}:${process.env.PATH}`;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 28 });
  return { status, output: stdout + stderr };
}

/** An empty folder outside the clone, so that nothing of the clone is found by looking upwards. */
export function emptyFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `hushgrad-${name}-`));
}

/** Copies the clone's sources: what git would bring, without what was built or installed. */
export function copySources(target: string): void {
  const left = new Set([".git", "node_modules", "build", "dist", "dist.next", "runs", "coverage", ".cache"]);
  for (const name of readdirSync(root).filter((entry) => !left.has(entry))) {
    cpSync(join(root, name), join(target, name), { recursive: true });
  }
}
