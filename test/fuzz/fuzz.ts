/** Runs cases of a target and judges what comes of each: a valid result, or an error of a kind that is documented. */
import { inspect } from "node:util";
import { Random } from "./random.js";

type ErrorClass = abstract new (...args: never[]) => Error;

/** A parser of bytes or values from outside. */
export interface Target<Input = unknown> {
  readonly name: string;
  /** All that it may throw. */
  readonly errors: readonly ErrorClass[];
  /** The case that these random numbers make. */
  make(random: Random): Input;
  /** Parses, and checks what came out. */
  run(input: Input): void | Promise<void>;
  /** Cases of the quick run, where they take longer than those of others. */
  readonly quickCases?: number;
}

export const defineTarget = <Input>(target: Target<Input>): Target => target as Target;

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** Number of the first case; 0 by default. */
  readonly first?: number;
  /** Called before each case. */
  onCase?(index: number): void;
}

export interface FuzzResult {
  readonly cases: number;
  /** Cases that were valid all the same. */
  readonly accepted: number;
  readonly seconds: number;
  /** Milliseconds of the processor that the slowest case took. */
  readonly slowest: number;
}

/** A result is not what its parser promises. */
export class InvalidResult extends Error {}

/** Throws an InvalidResult unless `holds`. */
export function promise(holds: boolean, what: string): void {
  if (!holds) throw new InvalidResult(what);
}

/** Of the processor: on a busy machine a clock runs on. The slowest case that is right takes one second on a slow one. */
const MOST_MILLISECONDS = 10_000;
/** What a case may add to the process's peak memory: a picture of 100 million pixels is let through, and decoded. */
const MOST_KILOBYTES = 1024 * 1024;
/** An engine's own words, in whatever error: nobody saw to the case. */
const ENGINES_WORDS =
  /Cannot (?:read|set|convert|destructure|mix|create)|is not (?:a function|iterable|defined|a constructor)|call stack|Invalid (?:array|string|typed array) length|allocation failed|out of bounds|Invalid count|serialize a BigInt|circular structure/;

/** Runs `cases` cases. Rejects with an error that tells how to repeat the first that fails. */
export async function fuzz(target: Target, { cases, seed, first = 0, onCase }: FuzzOptions): Promise<FuzzResult> {
  const began = performance.now();
  let accepted = 0;
  let slowest = 0;
  let peak = process.resourceUsage().maxRSS;
  for (let index = first; index < first + cases; index++) {
    onCase?.(index);
    const input = target.make(new Random(seed, index));
    const start = process.cpuUsage();
    const wrong = await verdict(target, input);
    const { user, system } = process.cpuUsage(start);
    const milliseconds = (user + system) / 1000;
    const { maxRSS } = process.resourceUsage();
    const fail = (why: string, cause?: unknown): never => {
      const repeat = `npm run fuzz -- ${target.name} --seed ${seed} --first ${index} --cases 1`;
      throw new Error(`${target.name}, case ${index}: ${why}\n${repeat}\n${shown(input)}`, { cause });
    };
    if (wrong instanceof Error) fail(wrong.message, wrong);
    if (milliseconds > MOST_MILLISECONDS) fail(`took ${milliseconds.toFixed(0)} ms`);
    if (maxRSS - peak > MOST_KILOBYTES) fail(`took ${((maxRSS - peak) / 1024).toFixed(0)} MB of memory`);
    peak = maxRSS;
    slowest = Math.max(slowest, milliseconds);
    if (wrong === "accepted") accepted++;
  }
  return { cases, accepted, seconds: (performance.now() - began) / 1000, slowest };
}

async function verdict(target: Target, input: unknown): Promise<"accepted" | "refused" | Error> {
  try {
    const running = target.run(input);
    if (running) await running;
    return "accepted";
  } catch (error) {
    if (!(error instanceof Error)) return new Error(`threw ${String(error)}, which is no error`);
    const documented = target.errors.some((kind) => error instanceof kind);
    if (!documented || error instanceof InvalidResult) return error;
    return ENGINES_WORDS.test(error.message) ? error : "refused";
  }
}

function shown(input: unknown): string {
  if (input instanceof Uint8Array) return `base64: ${Buffer.from(input).toString("base64").slice(0, 4000)}`;
  return inspect(input, { depth: 12, maxStringLength: 4000, maxArrayLength: 50, breakLength: 120 });
}
