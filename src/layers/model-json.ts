/** Models in JSON, as checkpoints and configuration files hold them: `{inputShape, layers: [{type, …}], frozen?}`. */

import { z } from "zod";
import { preview } from "../arguments.js";
import { GraphBuilder, type Value } from "../graph/builder.js";
import { GraphError } from "../graph/errors.js";
import type { Layer } from "../graph/layer.js";
import type { Model } from "../graph/model.js";
import { batchNormRefusal } from "./batch-norm.js";
import { parseOptions, strictObject } from "./define.js";
import { layerTypes } from "./index.js";

const typeNames = layerTypes.map((layer) => layer.type);
const wiring = { name: z.string().optional(), inputs: z.array(z.string()).min(1).optional() };

/** One layer of a model: `type`, its options, and where it differs from its position, `name` and `inputs`. */
export const nodeSchema = z.discriminatedUnion(
  "type",
  [layerTypes[0].schema.extend(wiring), ...layerTypes.slice(1).map((layer) => layer.schema.extend(wiring))],
  { error: (issue) => unknownType(issue.input) },
);

/** The JSON form of a model. */
export const modelSchema = strictObject({
  inputShape: z.array(z.int().min(1)).min(1).max(4),
  layers: z.array(nodeSchema).min(1),
  frozen: z.array(z.string()).optional(),
});

/** What `modelFromJSON` takes, before defaults are filled in. */
export type ModelConfig = z.input<typeof modelSchema>;

function unknownType(input: unknown): string {
  const type = (input as { type?: unknown } | null | undefined)?.type;
  if (typeof type === "string" && /^batch_?norm/i.test(type)) {
    return `${type} is refused: ${batchNormRefusal.reason}; ${batchNormRefusal.instead}`;
  }
  return `unknown layer type ${type === undefined ? "(missing)" : preview(type)}; allowed are ${typeNames.join(", ")}`;
}

/**
 * The layer that a JSON form (`{type: "conv2d", …}`) describes.
 * @throws TypeError naming the option, what it got and what is allowed.
 */
export function layerFromJSON(json: unknown): Layer {
  const { type, ...options } = parseOptions("layer", z.looseObject({ type: z.enum(typeNames) }), json);
  const found = layerTypes.find((layer) => layer.type === type);
  if (found === undefined) throw new TypeError(unknownType(json));
  return found.create(options);
}

/**
 * The model that a JSON form describes.
 * @throws TypeError for a key or value that is not allowed, LayerError and GraphError as the builder does.
 */
export function modelFromJSON(json: unknown): Model {
  const { inputShape, layers, frozen } = parseOptions("model", modelSchema, json);
  const graph = new GraphBuilder();
  let last = graph.input(inputShape);
  const values = new Map<string, Value>([[last.path, last]]);
  for (const { name, inputs, ...layer } of layers) {
    const from = inputs?.map((input) => lookUp(values, input)) ?? last;
    last = graph.add(layerFromJSON(layer), from, name);
    values.set(last.path, last);
  }
  const model = graph.build(last, { freeze: (parameter) => frozen?.includes(parameter) ?? false });
  checkFrozen(model, frozen ?? []);
  return model;
}

function lookUp(values: ReadonlyMap<string, Value>, name: string): Value {
  const found = values.get(name);
  if (found !== undefined) return found;
  throw new GraphError(`inputs: there is no layer '${name}' before; allowed are ${[...values.keys()].join(", ")}`);
}

function checkFrozen(model: Model, frozen: readonly string[]): void {
  const names = model.spec.parameters.map((parameter) => parameter.name);
  const unknown = frozen.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new GraphError(`frozen: there is no parameter '${unknown}'; allowed are ${names.join(", ")}`);
}
