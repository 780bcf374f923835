/** One line for whatever is wrong with a configuration: the key's path, what it got, what is allowed. */
import { z } from "zod";
import { preview } from "../arguments.js";
import { safeParse, valueAt } from "../safe-parse.js";

/** A configuration that cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** An object that refuses keys it does not know and suggests the nearest that it does. */
export function configObject<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return "allowed: an object";
      return issue.keys.map((key) => unknownKey(key, known)).join("; ");
    },
  });
}

/** Parses `value`, or throws a ConfigError about the first thing that is wrong. `source` stands for the file. */
export function parseConfigValue<S extends z.ZodType>(source: string, schema: S, value: unknown): z.output<S> {
  const parsed = safeParse(
    schema,
    value,
    (came, allowed) => new ConfigError(`${source}: got ${came}; allowed: ${allowed}`),
  );
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    `${source}: ${parsed.error.issues
      .slice(0, 1)
      .map((issue) => describe(issue, value))
      .join("")}`,
  );
}

/** The candidate that differs from `word` in the fewest letters, if that is close enough to be a slip. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: editDistance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

function unknownKey(key: string, known: readonly string[]): string {
  const suggestion = nearest(key, known);
  return `unknown key '${key}'${suggestion ? `, did you mean '${suggestion}'?` : ""}; allowed: ${known.join(", ")}`;
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") return path === "" ? issue.message : `${path}: ${issue.message}`;
  const allowed = inOurWords(issue.message);
  return `${path === "" ? "the configuration" : path}: got ${preview(valueAt(value, issue.path))}; ${allowed}`;
}

/** Of schemas that say nothing themselves: `Too small: expected number to be >=0` becomes `allowed: number ≥ 0`. */
function inOurWords(message: string): string {
  const expected = /^(?:Invalid input|Too small|Too big): expected (.*?)(?:, received .*)?$/.exec(message)?.[1];
  if (expected === undefined) return message;
  const comparison = expected
    .replace(/ to (?:be|have) /, " ")
    .replace(">=", "≥ ")
    .replace("<=", "≤ ");
  return `allowed: ${comparison.replace(/([<>])(?=\d)/, "$1 ")}`;
}

/** Levenshtein's distance, swapped neighbours counting once. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array.from({ length: b.length }, () => 0)]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let j = 1; j <= b.length; j++) (rows[0] as number[])[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? at(i - 2, j - 2) + 1
          : Number.POSITIVE_INFINITY;
      (rows[i] as number[])[j] = Math.min(replaced, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1);
    }
  }
  return at(a.length, b.length);
}
