/**
 * What a program without types may pass: each argument of everything that is exported, and each field of those that are
 * objects, is replaced by values that are wrong, one at a time. Each is refused in our words, by its name, or stands in
 * `takes` as a value that is right there.
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

/** Words of JavaScript engines and of Node.js, not ours. */
const ENGINE =
  /Cannot (read|convert|destructure|set|mix|use|access)|is not (a function|iterable|a constructor|defined|an object)|Invalid (array|typed array|string) length|argument must be|Received |Reduce of empty|out of bounds|EBADF|object Object|Method /;

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

function spoilt(values: Named, argument: string, field: string | undefined, wrong: unknown): Named {
  if (field === undefined) return { ...values, [argument]: wrong };
  const fields: Record<string, unknown> = { ...(values[argument] as Named), [field]: wrong };
  if (wrong === MISSING) delete fields[field];
  return { ...values, [argument]: fields };
}

/** A refusal of an object may name what it lacks, or the thing that it makes: `sgd.learningRate: …`. */
function namesIn(name: string, argument: string, field: string | undefined, given: unknown): string[] {
  const made = name.split(/[.#]/).at(-1) as string;
  return field ? [field, made] : [argument, made, ...Object.keys(isPlain(given) ? given : {})];
}

function isNamed(message: string, names: readonly string[]): boolean {
  const words = message.replaceAll("-", "").toLowerCase();
  return names.some((one) => words.includes(one.toLowerCase()));
}

/** What may be refused for not fitting the other arguments, of which one is then named. */
const ofRightKind = ["1", "[]"];

async function complaints(name: string, { of, values, takes = {}, fails }: PublicCall): Promise<string[]> {
  const found: string[] = [];
  const works = (error: Error | undefined) => error === undefined || (fails?.test(error.message) ?? false);
  const good = values();
  const all = Object.entries(good).flatMap(([argument, given]) => namesIn(name, argument, undefined, given));
  const first = await failure(name, good, of?.());
  if (!works(first)) found.push(`as it should be called: ${first}`);
  for (const [argument, given] of Object.entries(good)) {
    for (const field of [undefined, ...Object.keys(isPlain(given) ? given : {})]) {
      const path = field === undefined ? argument : `${argument}.${field}`;
      const taken = takes[path]?.split(" ") ?? [];
      for (const [label, wrong] of Object.entries(field ? { ...wrongValues, missing: MISSING } : wrongValues)) {
        const where = `${path} = ${label}`;
        const error = await failure(name, spoilt(values(), argument, field, wrong), of?.());
        const { message = "" } = error ?? {};
        if (ENGINE.test(message) || isOfNode(error)) found.push(`${where}: not our words: ${message}`);
        else if (taken.includes("*")) continue;
        else if (works(error) && !taken.includes(label)) found.push(`${where}: was taken`);
        else if (!works(error) && taken.includes(label)) found.push(`${where}: ${error}`);
        else if (
          error &&
          !works(error) &&
          !isNamed(message, [...namesIn(name, argument, field, given), ...(ofRightKind.includes(label) ? all : [])])
        )
          found.push(`${where}: not named: ${message}`);
      }
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
