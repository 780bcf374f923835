/**
 * `npm run fuzz [-- TARGET… --cases N --seed S --first I]`: cases by the million. Each target runs in a process of its
 * own, with bounded memory; one that hangs or crashes is told with the number of its case.
 */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import { runCommand } from "../../bench/lib/run-command.js";
import { type FuzzOptions, type FuzzResult, fuzz } from "./fuzz.js";
import { targets } from "./targets/index.js";

const MOST_HEAP_MEGABYTES = 1024;
const MOST_SECONDS_A_CASE = 60;
const PROGRESS = "HUSHGRAD_FUZZ_PROGRESS";

type Options = Required<Pick<FuzzOptions, "cases" | "seed" | "first">>;
type Answer = { readonly result: FuzzResult } | { readonly failure: string };

const names = targets.map(({ name }) => name);
const numberOf = (text: string) => Number(text);

async function main(wanted: readonly string[], options: Options): Promise<void> {
  for (const name of wanted.length > 0 ? wanted : names) {
    const { cases, accepted, seconds, slowest } = await inProcess(name, options);
    const share = ((100 * accepted) / cases).toFixed(1);
    console.log(
      `${name}: ${cases.toLocaleString("en")} cases in ${seconds.toFixed(0)} s, ` +
        `${share} % valid, slowest ${slowest.toFixed(0)} ms`,
    );
  }
}

function inProcess(name: string, options: Options): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), "hushgrad-fuzz-"));
  const progress = join(folder, "case");
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ name, ...options })], {
    env: { ...process.env, [PROGRESS]: progress },
    execArgv: [...process.execArgv, `--max-old-space-size=${MOST_HEAP_MEGABYTES}`],
  });
  const stopWatching = killWhenStuck(child, progress);
  return new Promise<FuzzResult>((resolve, reject) => {
    child.on("message", (answer: Answer) => {
      if ("result" in answer) resolve(answer.result);
      else reject(new Error(answer.failure));
    });
    child.on("exit", (code, signal) => {
      reject(new Error(`${name}: ended by ${signal ?? code} in case ${lastCase(progress)} of seed ${options.seed}`));
    });
  }).finally(() => {
    stopWatching();
    rmSync(folder, { recursive: true, force: true });
  });
}

function killWhenStuck(child: ChildProcess, progress: string): () => void {
  let last = "";
  let since = performance.now();
  const timer = setInterval(() => {
    const now = lastCase(progress);
    if (now !== last) since = performance.now();
    else if (performance.now() - since > MOST_SECONDS_A_CASE * 1000) child.kill("SIGKILL");
    last = now;
  }, 1000);
  return () => clearInterval(timer);
}

function lastCase(progress: string): string {
  try {
    return readFileSync(progress, "utf8").trim();
  } catch {
    return "";
  }
}

/** In the process of one target. */
async function runTarget(progress: string): Promise<void> {
  const { name, ...options } = JSON.parse(process.argv[2] as string) as Options & { readonly name: string };
  const file = openSync(progress, "w");
  // On disk before the case begins, so that a crash tells which it was.
  const onCase = (index: number) => writeSync(file, `${String(index).padStart(15)}\n`, 0);
  const target = targets.find((candidate) => candidate.name === name);
  if (!target) throw new Error(`no target ${name}`);
  const answer: Answer = await fuzz(target, { ...options, onCase }).then(
    (result) => ({ result }),
    (error: Error) => ({ failure: `${error.message}\n${(error.cause as Error | undefined)?.stack ?? ""}` }),
  );
  closeSync(file);
  process.send?.(answer, () => process.disconnect());
}

const progress = process.env[PROGRESS];
if (progress !== undefined) await runTarget(progress);
else {
  await runCommand(
    new Command("npm run fuzz --")
      .description("fuzz what reads files and values from outside")
      .addArgument(new Argument("[targets...]", "which; all by default").choices(names))
      .option("--cases <n>", "cases a target", numberOf, 1_000_000)
      .option("--seed <s>", "what cases are made from", numberOf, 1)
      .option("--first <i>", "number of the first case", numberOf, 0)
      .action(main),
  );
}
