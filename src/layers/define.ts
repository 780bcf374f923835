/**
 * How a layer is written down: a zod schema of its options, its name in native code, and how it infers. One schema
 * checks the factory's arguments and the JSON form alike.
 */
import { z } from "zod";
import { checkObject, preview } from "../arguments.js";
import { LayerError } from "../graph/errors.js";
import type { InferredLayer, Layer, LayerJson, Tie } from "../graph/layer.js";
import type { Shape } from "../graph/shape.js";
import { safeParse, valueAt } from "../safe-parse.js";

/** What a layer's rules see: the inputs' shapes, and how to refuse them. */
export interface InferenceContext {
  /** The first input's shape; of most layers, the only one's. */
  readonly input: Shape;
  readonly inputs: readonly Shape[];
  /** Throws a LayerError: `reason` says what is wrong, `instead` what to use or write instead. */
  refuse(reason: string, instead: string): never;
}

type JsonShape<T extends string, S extends z.ZodRawShape> = S & {
  type: z.ZodLiteral<T>;
  freeze: z.ZodOptional<z.ZodBoolean>;
  tie: z.ZodOptional<typeof tieSchema>;
};

const tieSchema = z.union(
  [z.string(), z.record(z.string(), z.string())],
  'expected an earlier layer\'s name, or parameter by parameter {weight: "0.weight"}',
);

/** What every layer with parameters takes. */
export interface ParameterOptions {
  /** True: its parameters are not trained. */
  readonly freeze?: boolean;
  /**
   * Whose parameters it uses in the place of its own: those of the earlier layer of this name, or one by one, by their
   * names in this layer: `{weight: "embedding.weight"}`. They must have the same shapes.
   */
  readonly tie?: Tie;
}

/** A kind of layer: the schema of its JSON form, and the way from options to a layer. */
export interface LayerType<T extends string = string, S extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly schema: S;
  /**
   * `options`: the JSON form without `type`, and without what `more` holds in their stead.
   * @throws TypeError naming the option, what it got and what is allowed.
   */
  create(options: object, more?: object): Layer;
}

export interface LayerRules<T extends string, S extends z.ZodRawShape> {
  /** In JSON: `conv2d`. */
  readonly type: T;
  /** Registered name of the native layer: `Conv2d`. */
  readonly kind: string;
  readonly options: S;
  /** `several`: two inputs or more; default `one`. */
  readonly inputs?: "one" | "several";
  /** Attributes, output shape and parameters for an input; refuses what the layer cannot take. */
  infer(options: z.output<z.ZodObject<S>>, context: InferenceContext): InferredLayer;
}

/** Declares a layer. Every layer also takes the `ParameterOptions`. */
export function defineLayer<const T extends string, S extends z.ZodRawShape>(
  rules: LayerRules<T, S>,
): LayerType<T, z.ZodObject<JsonShape<T, S>, z.core.$strict>> {
  const shape: JsonShape<T, S> = {
    ...rules.options,
    type: z.literal(rules.type),
    freeze: z.boolean().optional(),
    tie: tieSchema.optional(),
  };
  const schema = strictObject(shape);
  return {
    type: rules.type,
    schema,
    create(options, more) {
      const parsed = parseTyped(rules.type, schema, options, more) as LayerJson;
      return {
        type: rules.type,
        kind: rules.kind,
        frozen: parsed.freeze === true,
        tie: parsed.tie as Tie | undefined,
        infer: (inputs, path) =>
          rules.infer(parsed as unknown as z.output<z.ZodObject<S>>, contextOf(rules, inputs, path)),
        toJSON: () => parsed,
      };
    },
  };
}

interface Arity {
  readonly type: string;
  readonly inputs?: "one" | "several";
}

function contextOf({ type, inputs: arity }: Arity, inputs: readonly Shape[], path: string): InferenceContext {
  const refuse = (reason: string, instead: string): never => {
    throw new LayerError(path, type, reason, instead);
  };
  const several = arity === "several";
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 !== several) {
    return refuse(
      `it got ${inputs.length} input${inputs.length === 1 ? "" : "s"}`,
      several ? "give it two or more" : "give it exactly one",
    );
  }
  return { input, inputs, refuse };
}

/** Parses what a factory was given: the JSON form without its type, some of it apart. @throws TypeError as `parseOptions`. */
export function parseTyped<S extends z.ZodType>(
  type: string,
  schema: S,
  options: object,
  more: object = {},
): z.output<S> {
  checkObject(type, options, "an object of options");
  return parseOptions(type, schema, { ...options, ...more, type });
}

/** Parses, or throws a TypeError that names the option, what it got and what is allowed. */
export function parseOptions<S extends z.ZodType>(what: string, schema: S, options: unknown): z.output<S> {
  const parsed = safeParse(
    schema,
    options,
    (came, allowed) => new TypeError(`${what}: got ${came}; allowed: ${allowed}`),
  );
  if (parsed.success) return parsed.data;
  throw new TypeError(parsed.error.issues.map((issue) => describeIssue(what, issue, options)).join("; "));
}

/** An object schema whose refusal of an unknown key lists the known ones. */
export function strictObject<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      const unknown = issue.keys.map((key) => `'${key}'`).join(", ");
      return `unknown key ${unknown}; allowed are ${Object.keys(shape).join(", ")}`;
    },
  });
}

function describeIssue(what: string, issue: z.core.$ZodIssue, options: unknown): string {
  const place = [what, ...issue.path.map(String)].join(".");
  if (issue.code === "unrecognized_keys") return `${place}: ${issue.message}`;
  return `${place}: ${issue.message} (got ${preview(valueAt(options, issue.path))})`;
}
