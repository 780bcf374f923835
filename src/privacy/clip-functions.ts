/**
 * The clip functions' names and what each takes beside the threshold C. A new one adds a row here and a file in
 * native/clipping, which proves that it leaves no gradient longer than C; nothing else lists them.
 */
import { checkNumber, type NumberRange } from "./check.js";

/** A parameter of a clip function; without a default it must be given. */
export interface ClipParameter {
  readonly range: NumberRange;
  readonly default?: number;
}

const positive: NumberRange = { min: 0, max: Number.MAX_VALUE, openMin: true };

/** Of a gradient of norm n, the factor it is multiplied by. */
export const clipFunctionTypes = {
  /** min(1, C/n): Abadi et al. 2016. */
  abadi: {},
  /** C/(n + γ): Bu et al. 2023. */
  autoS: { gamma: { range: positive, default: 0.01 } },
  /** C/n, 0 for n = 0: Bu et al. 2023. */
  autoV: {},
  /** C/(n + r/(n + r)): Xia et al. 2023. */
  psac: { r: { range: positive } },
  /** C/(r + n): Yang et al. 2022. */
  nsgd: { r: { range: positive } },
  /** C/Z where n ≤ Z, 0 elsewhere: Bu et al. 2021. */
  global: { Z: { range: positive } },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ClipParameter>>>>;

export type ClipFunctionName = keyof typeof clipFunctionTypes;
export type ClipParameterName = { [F in ClipFunctionName]: keyof (typeof clipFunctionTypes)[F] }[ClipFunctionName];

/** Values by parameter, as a clipping configuration carries them. */
export type ClipParameters = { readonly [P in ClipParameterName]?: number | undefined };

type Table = Readonly<Record<string, Readonly<Record<string, ClipParameter>>>>;
const table: Table = clipFunctionTypes;

export const clipFunctions = Object.keys(clipFunctionTypes) as readonly ClipFunctionName[];

/** Every parameter of every function, each once. */
export const clipParameterNames = [...new Set(Object.values(table).flatMap(Object.keys))] as ClipParameterName[];

/** The functions that take a parameter. */
export function functionsWith(parameter: string): readonly string[] {
  return clipFunctions.filter((name) => Object.hasOwn(table[name] ?? {}, parameter));
}

/** The parameters that a function needs and the configuration lacks, and those that it has and the function does not take. */
export function misplacedParameters(
  name: ClipFunctionName,
  given: ClipParameters,
): { readonly missing: readonly ClipParameterName[]; readonly foreign: readonly ClipParameterName[] } {
  const taken = table[name] ?? {};
  return {
    missing: clipParameterNames.filter(
      (parameter) => taken[parameter] && taken[parameter].default === undefined && given[parameter] === undefined,
    ),
    foreign: clipParameterNames.filter((parameter) => !taken[parameter] && given[parameter] !== undefined),
  };
}

/** A function's parameters with their defaults. @throws RangeError naming the parameter, what came and what is allowed. */
export function clipAttributes(name: ClipFunctionName, given: ClipParameters): Record<string, number> {
  const entries = Object.entries(table[name] ?? {}).map(([parameter, { range, default: fallback }]) => {
    const value = given[parameter as ClipParameterName] ?? fallback;
    checkNumber(`clipping.${parameter}`, value as number, range);
    return [parameter, value as number] as const;
  });
  return Object.fromEntries(entries);
}
