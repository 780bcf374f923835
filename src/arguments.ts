/** Checks of what callers pass, whose messages name the argument, what came and what is allowed. */
import { types } from "node:util";

/** A short description of a value for messages: `"text"`, `NaN`, `Float64Array of 3`, `an array of 2`. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (types.isProxy(value)) return "a proxy";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (!types.isTypedArray(value)) return "an object";
  return `${Object.prototype.toString.call(value).slice(8, -1)} of ${value.length}`;
}

const MOST_SHOWN = 60;
/** What 60 characters can show, and more. */
const MOST_PARTS = 1000;

/** A value as JSON would write it, cut to 60 characters, for messages. Whatever a program can pass is shown somehow. */
export function preview(value: unknown): string {
  if (typeof value === "number") return String(value); // JSON has no NaN
  let parts = 0;
  let text: string;
  try {
    text =
      JSON.stringify(value, (_, part) => {
        if (++parts > MOST_PARTS) throw new RangeError("too long");
        return typeof part === "bigint" ? `${part}n` : part;
      }) ?? describe(value);
  } catch {
    return describe(value); // cyclic, nested too deeply, or too long
  }
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text;
}

function refuse(name: string, value: unknown, expected: string): never {
  throw new TypeError(`${name}: got ${describe(value)}, expected ${expected}`);
}

/** An instance of one of these classes (a Buffer is a Uint8Array). @throws TypeError. */
export function checkKind(
  name: string,
  value: unknown,
  ...kinds: readonly (abstract new (
    ...all: never[]
  ) => object)[]
): void {
  if (kinds.some((kind) => value instanceof kind)) return;
  const names = kinds.map((kind) => kind.name).join(" or ");
  refuse(name, value, `${/^[AEIO]/.test(names) ? "an" : "a"} ${names}`);
}

/** @throws TypeError. */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") refuse(name, value, "a string");
}

/** @throws TypeError. */
export function checkFlag(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") refuse(name, value, "true or false");
}

/** @throws TypeError. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") refuse(name, value, "a function");
}

/** @throws TypeError. */
export function checkList(name: string, value: unknown, of: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) refuse(name, value, `a list of ${of}`);
}

/** A list of strings. @throws TypeError. */
export function checkTexts(name: string, value: unknown): asserts value is readonly string[] {
  checkList(name, value, "strings");
  for (const [i, text] of value.entries()) checkText(`${name}[${i}]`, text);
}

/** @throws TypeError where it is nothing, a list or no object; `expected` says what it should be. */
export function checkObject(name: string, value: unknown, expected: string): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(name, value, expected);
}

/** An object with these methods. @throws TypeError; `expected` says what it should be. */
export function checkMethods(name: string, value: unknown, methods: readonly string[], expected: string): void {
  const found = value as Readonly<Record<string, unknown>> | null | undefined;
  if (!Array.isArray(value) && methods.every((method) => typeof found?.[method] === "function")) return;
  refuse(name, value, `${expected}, with ${methods.map((method) => `${method}()`).join(", ")}`);
}

/** By what it can do: one of another realm is a signal too. @throws TypeError. */
export function checkSignal(signal: AbortSignal): void {
  checkMethods("signal", signal, ["addEventListener", "throwIfAborted"], "an AbortSignal");
}

/**
 * An object with no key but these: a misspelt option would be ignored, a mask not applied.
 * @throws TypeError naming the key.
 */
export function checkKeys(name: string, value: unknown, known: readonly string[]): asserts value is object {
  checkObject(name, value, `an object of ${known.join(", ")}`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new TypeError(`${name}: got the unknown key ${JSON.stringify(unknown)}, expected one of ${known.join(", ")}`);
}

/** One of a few values. @throws RangeError; TypeError where they are strings and it is none. */
export function checkChoice<T extends string | number>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): asserts value is T {
  if (allowed.includes(value as T)) return;
  const Kind = typeof value === typeof allowed[0] ? RangeError : TypeError;
  throw new Kind(`${name}: got ${describe(value)}, expected one of ${allowed.join(", ")}`);
}

/** A list or typed array; its elements are the caller's affair. @throws TypeError. */
export function checkNumbers(name: string, value: unknown): void {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value)) return;
  refuse(name, value, "a list of numbers or a typed array");
}
