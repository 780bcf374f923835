/** How a ready-made model is written down: a name, options with defaults, and what they build. */
import type { z } from "zod";
import type { Model } from "../graph/model.js";
import { parseOptions, strictObject } from "../layers/define.js";

/** Call it with options for the model; the rest is for registries and configuration files. */
export interface ModelType<S extends z.ZodObject = z.ZodObject> {
  /** @throws TypeError naming the option, what it got and what is allowed. */
  (options?: z.input<S>): Model;
  /** In configuration files and on the command line: `mnist-cnn`. */
  readonly modelName: string;
  readonly schema: S;
}

/** Declares a ready-made model. */
export function defineModel<S extends z.ZodRawShape>(rules: {
  readonly name: string;
  readonly options: S;
  build(options: z.output<z.ZodObject<S>>): Model;
}): ModelType<z.ZodObject<S, z.core.$strict>> {
  const schema = strictObject(rules.options);
  const create = (options: object = {}) =>
    rules.build(parseOptions(rules.name, schema, options) as z.output<z.ZodObject<S>>);
  return Object.assign(create, { modelName: rules.name, schema });
}
