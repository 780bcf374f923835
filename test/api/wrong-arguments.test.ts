/**
 * What a program without types may pass: each argument of everything that is exported, each field of those that are
 * objects and the first element of those that are lists, however deep, is replaced by values that are wrong, one at a time.
 * Each is refused in our words, by its name, or stands in `takes` as a value that is right there.
 */
import { describe, expect, test } from "vitest";
import * as api from "../../src/index.js";
import { ofData } from "./data.js";
import { ofKernels } from "./kernels.js";
import { ofLayers } from "./layers.js";
import { ofModels } from "./models.js";
import { ofPrivacy } from "./privacy.js";
import type { PublicCall } from "./public-call.js";
import { ofTraining } from "./training.js";

const publicCalls = { ...ofLayers, ...ofModels, ...ofTraining, ...ofData, ...ofPrivacy, ...ofKernels };

const MISSING = Symbol("missing");
/** The text is a path too, where nothing can be made. */
const wrongValues: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  text: "/dev/full/text",
  "1": 1,
  NaN: Number.NaN,
  "{}": {},
  "[]": [],
};

/** Words of JavaScript engines, of Node.js and of C++'s library, not ours. */
const ENGINE =
  /Cannot (read|convert|destructure|set|mix|use|access)|is not (a function|iterable|a constructor|defined|an object)|Invalid (array|typed array|string) length|argument must be|Received |Reduce of empty|out of bounds|EBADF|object Object|Method |vector::/;

type Named = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Named =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Functions and classes by name; of modules within, `device.sparsify`. Errors are made by us. */
function exported(from: Named, prefix = ""): string[] {
  return Object.entries(from).flatMap(([name, value]) => {
    if (Object.prototype.toString.call(value) === "[object Module]") return exported(value as Named, `${name}.`);
    const isError = typeof value === "function" && value.prototype instanceof Error;
    // DeviceBuffer has no constructor of its own to call.
    return typeof value === "function" && !isError && name !== "DeviceBuffer" ? [`${prefix}${name}`] : [];
  });
}

type Function = (...values: unknown[]) => unknown;

function call(name: string, values: readonly unknown[], of?: object): unknown {
  const [path = "", method] = name.split("#");
  if (of && method) return ((of as Named)[method] as Function).apply(of, [...values]);
  const found = path.split(".").reduce<unknown>((from, key) => (from as Named)[key], api) as Function;
  const isClass = Function.prototype.toString.call(found).startsWith("class");
  return isClass ? Reflect.construct(found, values) : found(...values);
}

/** What a call throws or rejects with; undefined where it does neither. Of what is iterated, the first turn counts. */
async function failure(name: string, values: Named, of?: object): Promise<Error | undefined> {
  try {
    const result = call(name, Object.values(values), of);
    if (result instanceof api.Trainer) await result.run();
    else await (typeof (result as AsyncGenerator)?.next === "function" ? (result as AsyncGenerator).next() : result);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Of a system call, or of Node.js itself. */
function isOfNode(error: Error | undefined): boolean {
  return /^E[A-Z_]+$/.test(String((error as NodeJS.ErrnoException | undefined)?.code));
}

type Path = readonly string[];

/** What can be spoilt within a value: itself, and of objects and lists what they hold; of lists the first alone. */
function pathsIn(value: unknown): Path[] {
  const keys = isPlain(value) ? Object.keys(value) : Array.isArray(value) && value.length > 0 ? ["0"] : [];
  return [[], ...keys.flatMap((key) => pathsIn((value as Named)[key]).map((path) => [key, ...path]))];
}

/** A copy down to `path`, where `wrong` is put. */
function spoilt(value: unknown, [key, ...rest]: Path, wrong: unknown): unknown {
  if (key === undefined) return wrong;
  if (Array.isArray(value)) return [spoilt(value[0], rest, wrong), ...value.slice(1)];
  const fields: Record<string, unknown> = { ...(value as Named), [key]: spoilt((value as Named)[key], rest, wrong) };
  if (wrong === MISSING && rest.length === 0) delete fields[key];
  return fields;
}

const at = (value: unknown, path: Path): unknown => path.reduce((from, key) => (from as Named)[key], value);

/** A refusal may name the field, the list of an element, what an object lacks, or what is made: `sgd.learningRate: …`. */
function namesIn(name: string, path: Path, given: unknown): string[] {
  const made = name.split(/[.#]/).at(-1) as string;
  const own = path.findLast((key) => !/^\d+$/.test(key)) as string;
  return [own, made, ...Object.keys(isPlain(given) ? given : {})];
}

function isNamed(message: string, names: readonly string[]): boolean {
  const words = message.replaceAll("-", "").toLowerCase();
  return names.some((one) => words.includes(one.toLowerCase()));
}

/** `config.**` is about whatever lies within. */
function takenAt(takes: Readonly<Record<string, string>>, path: Path): readonly string[] {
  const own = takes[path.join(".")];
  const around = path.map((_, length) => takes[`${path.slice(0, length).join(".")}.**`]);
  return (own ?? around.find((found) => found !== undefined))?.split(" ") ?? [];
}

/** What may be refused for not fitting the other arguments, of which one is then named. */
const ofRightKind = ["1", "[]"];

async function complaints(name: string, { of, values, takes = {}, fails }: PublicCall): Promise<string[]> {
  const found: string[] = [];
  const works = (error: Error | undefined) => error === undefined || (fails?.test(error.message) ?? false);
  const good = values();
  const all = Object.entries(good).flatMap(([argument, given]) => namesIn(name, [argument], given));
  const first = await failure(name, good, of?.());
  if (!works(first)) found.push(`as it should be called: ${first}`);
  for (const path of pathsIn(good).slice(1)) {
    const taken = takenAt(takes, path);
    const isField = path.length > 1 && isPlain(at(good, path.slice(0, -1)));
    for (const [label, wrong] of Object.entries(isField ? { ...wrongValues, missing: MISSING } : wrongValues)) {
      const where = `${path.join(".")} = ${label}`;
      const error = await failure(name, spoilt(values(), path, wrong) as Named, of?.());
      const { message = "" } = error ?? {};
      const names = [...namesIn(name, path, at(good, path)), ...(ofRightKind.includes(label) ? all : [])];
      if (ENGINE.test(message) || isOfNode(error)) found.push(`${where}: not our words: ${message}`);
      else if (taken.includes("*")) continue;
      else if (works(error) && !taken.includes(label)) found.push(`${where}: was taken`);
      else if (!works(error) && taken.includes(label)) found.push(`${where}: ${error}`);
      else if (error && !works(error) && !isNamed(message, names)) found.push(`${where}: not named: ${message}`);
    }
  }
  return found;
}

test("every function and class of the package has a row", () => {
  const rows = Object.keys(publicCalls).filter((name) => !name.includes("#"));
  expect(rows.sort()).toEqual(exported(api).sort());
});

describe("wrong arguments are refused by name", () => {
  test.each(Object.entries(publicCalls))("%s", async (name, row) => {
    expect(await complaints(name, row)).toEqual([]);
  });
});
