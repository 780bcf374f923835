/** Which parameters are clipped together, and to what norm: the clipping configuration laid over a model. */

import type { ModelSpec } from "../native/binding.js";
import { type ClippingConfig, type ClippingStyle, type GroupConfig, ownThresholds } from "../privacy/sensitivity.js";
import { nearest } from "./config-errors.js";

export interface ClippingGroups {
  /** By parameter; −1: frozen. */
  readonly groupOfParameter: readonly number[];
  /** C by group. */
  readonly thresholds: readonly number[];
  /** By group: a layer's path, a parameter's or the group's own name; `all` for style `flat`. */
  readonly names: readonly string[];
}

type Grouping = Pick<ClippingGroups, "groupOfParameter" | "names">;

const groupings: Readonly<Record<ClippingStyle, (model: ModelSpec, clipping: ClippingConfig) => Grouping>> = {
  flat: groupAll,
  "per-layer": groupByLayer,
  "per-parameter": groupByParameter,
  groups: (model, clipping) => groupByName(model, clipping.groups ?? {}),
};

/**
 * Groups in the model's order (named ones in the configuration's). Threshold C/√groups each, so that the whole
 * gradient's norm stays ≤ C; or as `thresholds`, or a named group's own `threshold`, says.
 * @throws RangeError where `thresholds` are not as many as there are groups, or a parameter is in no group or in two.
 */
export function clippingGroups(model: ModelSpec, clipping: ClippingConfig): ClippingGroups {
  if (!model.parameters.some((parameter) => parameter.trainable))
    throw new RangeError("model: no parameter is trainable; unfreeze at least one");
  const { groupOfParameter, names } = groupings[clipping.style](model, clipping);
  return { groupOfParameter, names, thresholds: thresholdsOf(clipping, names.length) };
}

function groupAll(model: ModelSpec): Grouping {
  return { groupOfParameter: model.parameters.map((parameter) => (parameter.trainable ? 0 : -1)), names: ["all"] };
}

function groupByLayer(model: ModelSpec): Grouping {
  const groupOfParameter = model.parameters.map(() => -1);
  const names: string[] = [];
  for (const node of model.nodes) {
    // A parameter shared with an earlier layer stays in that layer's group.
    const own = node.parameters.filter((index) => model.parameters[index]?.trainable && groupOfParameter[index] === -1);
    if (own.length === 0) continue;
    for (const index of own) groupOfParameter[index] = names.length;
    names.push(node.path);
  }
  return { groupOfParameter, names };
}

function groupByParameter(model: ModelSpec): Grouping {
  const names: string[] = [];
  const groupOfParameter = model.parameters.map(({ name, trainable }) => (trainable ? names.push(name) - 1 : -1));
  return { groupOfParameter, names };
}

function groupByName(model: ModelSpec, groups: Readonly<Record<string, GroupConfig>>): Grouping {
  const names = Object.keys(groups);
  const groupOfParameter = model.parameters.map(() => -1);
  for (const [group, config] of Object.values(groups).entries()) {
    const where = `clipping.groups.${names[group]}`;
    const members = membersOf(model, config, where).filter((index) => model.parameters[index]?.trainable);
    if (members.length === 0) throw new RangeError(`${where}: all of its parameters are frozen; leave the group out`);
    for (const index of members) {
      const other = groupOfParameter[index] as number;
      if (other !== -1 && other !== group) {
        throw new RangeError(
          `${where}: parameter ${model.parameters[index]?.name} is in group '${names[other]}' already; ` +
            "each belongs to exactly one",
        );
      }
      groupOfParameter[index] = group;
    }
  }
  const uncovered = model.parameters.filter(({ trainable }, index) => trainable && groupOfParameter[index] === -1);
  if (uncovered.length === 0) return { groupOfParameter, names };
  throw new RangeError(
    `clipping.groups: ${uncovered.map(({ name }) => name).join(", ")} in no group; each trainable parameter belongs ` +
      'to exactly one ("*" names all)',
  );
}

/** Indices of the parameters that a group's patterns name, frozen ones included. */
function membersOf(model: ModelSpec, config: GroupConfig, where: string): number[] {
  const patterns = "parameters" in config ? config.parameters : config;
  return patterns.flatMap((pattern) => {
    const matches = matcher(pattern);
    const found = [...model.parameters.keys()].filter((index) => matches(model.parameters[index]?.name ?? ""));
    if (found.length > 0) return found;
    const names = model.parameters.map(({ name }) => name);
    const suggestion = nearest(pattern, names);
    throw new RangeError(
      `${where}: got ${JSON.stringify(pattern)}, which names no parameter` +
        `${suggestion ? `, did you mean '${suggestion}'?` : ""}; allowed: ${names.join(", ")}, a layer's path, or * for any letters`,
    );
  });
}

/** Whether a parameter's name is the pattern, or lies under it as a layer's path; `*` stands for any letters. */
function matcher(pattern: string): (name: string) => boolean {
  const letters = pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  const expression = new RegExp(`^${letters}(\\..*)?$`, "s");
  return (name) => expression.test(name);
}

const counted: Readonly<Record<ClippingStyle, string>> = {
  flat: "one",
  "per-layer": "one a layer with trainable parameters",
  "per-parameter": "one a trainable parameter",
  groups: "one a named group",
};

function thresholdsOf(clipping: ClippingConfig, groups: number): number[] {
  const own = ownThresholds(clipping);
  if (own === undefined) return new Array<number>(groups).fill(clipping.threshold / Math.sqrt(groups));
  if (own.length === groups) return [...own];
  throw new RangeError(
    `clipping.thresholds: got ${own.length} numbers, expected ${groups}, one a group ` +
      `(style '${clipping.style}': ${counted[clipping.style]})`,
  );
}
