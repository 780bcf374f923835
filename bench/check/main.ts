/**
 * `npm run bench:check`: fails where a ratio of times is worse than bench/baseline.json allows. A ratio that is gets a
 * second, longer measurement before it counts.
 *
 *   npm run bench:check                         compare
 *   npm run bench:check -- --groups mlp,clip    only these
 *   npm run bench:check -- --update [--runs 5]  measure several times and write the baseline
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import type { Measurements, Pace } from "../../src/bench/interleave.js";
import { table } from "../../src/cli/format.js";
import { numberFlag } from "../../src/cli/number-flag.js";
import { loadBinding } from "../../src/native/load.js";
import { runCommand } from "../lib/run-command.js";
import { type Baseline, baselineSchema, emptyBaseline, instructionSet, learn, lookUp, unsteady } from "./baseline.js";
import { type Comparison, compare, comparisonCells, regressionLine } from "./compare.js";
import { type Group, groups, type Pair, ratioName, withContenders } from "./ratios.js";

const FILE = new URL("../baseline.json", import.meta.url);
const FIRST: Pace = { rounds: 12, slotMs: 60, budgetMs: 12_000 };
const DEFAULT_RUNS = 5;
const RUNS = { min: 2, max: 1000, integer: true };
const AGAIN: Pace = { rounds: 40, slotMs: 60, budgetMs: 15_000 };

function thisInstructionSet(): string | undefined {
  return instructionSet(loadBinding().info().cpuFeatures);
}

async function checkGroup(group: Group, baseline: Baseline): Promise<Comparison[]> {
  return withContenders(group, async (measure) => {
    const comparisons = async (pairs: readonly Pair[], pace: Pace) => {
      const measured = await measure(pairs, pace);
      return pairs.map((pair) => comparison(group, pair, measured, baseline));
    };
    const first = await comparisons(group.ratios, FIRST);
    const doubtful = group.ratios.filter((_, i) => first[i]?.verdict === "slower");
    if (doubtful.length === 0) return first;
    process.stderr.write(`${group.name}: something is slower than its margin allows; measuring again, longer\n`);
    const again = await comparisons(doubtful, AGAIN);
    return first.map((one) => again.find(({ name }) => name === one.name) ?? one);
  });
}

function comparison(group: Group, pair: Pair, measured: Measurements, baseline: Baseline): Comparison {
  const name = ratioName(group, pair);
  return compare(name, measured.ratio(...pair) ?? Number.NaN, lookUp(baseline, name, thisInstructionSet()));
}

async function check(wanted: readonly Group[]): Promise<boolean> {
  const baseline = readBaseline();
  const all: Comparison[] = [];
  const regressions: string[] = [];
  for (const group of wanted) {
    process.stderr.write(`${group.name} …\n`);
    const found = await checkGroup(group, baseline);
    all.push(...found);
    const slower = found.filter(({ verdict }) => verdict === "slower");
    regressions.push(...slower.map((one) => regressionLine(one, group.name)));
  }
  const titles = ["ratio of times", "now", "baseline", "change", "allowed", ""];
  const columns = titles.map((title, i) => ({ title, right: i > 0 && i < 5 }));
  process.stdout.write(`${table(columns, all.map(comparisonCells))}\n`);
  const known = all.filter(({ verdict }) => verdict !== "unknown").length;
  const count = regressions.length;
  const verdict = `${count === 0 ? "no" : count} regression${count === 1 ? "" : "s"} in ${known} ratios`;
  process.stdout.write(
    `${[...regressions, verdict].join("\n")} (${thisInstructionSet() ?? "unknown instruction set"})\n`,
  );
  return count === 0;
}

async function update(wanted: readonly Group[], runs: number): Promise<void> {
  const values = new Map<string, number[]>();
  for (let run = 0; run < runs; run++) {
    for (const group of wanted) {
      process.stderr.write(`run ${run + 1} of ${runs}: ${group.name} …\n`);
      const measured = await withContenders(group, (measure) => measure(group.ratios, FIRST));
      for (const pair of group.ratios) {
        const name = ratioName(group, pair);
        values.set(name, [...(values.get(name) ?? []), measured.ratio(...pair) ?? Number.NaN]);
      }
    }
  }
  const learned = baselineSchema.parse(learn(readBaseline(), thisInstructionSet(), values));
  writeFileSync(FILE, `${JSON.stringify(learned, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(learned, null, 2)}\n`);
  const doubts = unsteady(values);
  if (doubts.length > 0) process.stderr.write(`Repeat this on a quiet machine: ${doubts.join(", ")}\n`);
}

function readBaseline(): Baseline {
  return existsSync(FILE) ? baselineSchema.parse(JSON.parse(readFileSync(FILE, "utf8"))) : emptyBaseline;
}

const names = groups().map(({ name }) => name);

function groupsFlag(text: string): Group[] {
  const wanted = text.split(",").map((name) => name.trim());
  if (wanted.every((name) => names.includes(name))) return groups().filter(({ name }) => wanted.includes(name));
  throw new InvalidArgumentError(`Allowed, separated by commas: ${names.join(", ")}.`);
}

interface Flags {
  readonly groups?: Group[];
  readonly update?: boolean;
  readonly runs?: number;
}

async function main(flags: Flags, command: Command): Promise<void> {
  if (flags.runs !== undefined && !flags.update) command.error("error: --runs is of --update alone");
  const wanted = flags.groups ?? groups();
  if (flags.update) await update(wanted, flags.runs ?? DEFAULT_RUNS);
  else if (!(await check(wanted))) process.exitCode = 1;
}

await runCommand(
  new Command("npm run bench:check --")
    .description("fail where a ratio of times is worse than bench/baseline.json allows; takes about a minute")
    .option("--groups <names>", `comma-separated, of ${names.join(", ")} (default: all)`, groupsFlag)
    .option("--update", "measure several times and write the baseline")
    .option("--runs <count>", `with --update: how often (default: ${DEFAULT_RUNS})`, numberFlag(RUNS))
    .action(main),
);
