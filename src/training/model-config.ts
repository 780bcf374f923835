/** A configuration's `model`: a ready-made one by name, that with options, or one layer by layer. */
import { z } from "zod";
import type { Model } from "../graph/model.js";
import { type ModelConfig, modelFromJSON, modelSchema } from "../layers/model-json.js";
import { modelByName, modelNames } from "../models/index.js";
import { nearest } from "./config-errors.js";
import { allowed } from "./config-values.js";

/** `{ "name": "unet", "features": 16 }`: the model's own options beside its name. */
export interface NamedModel {
  readonly name: string;
  readonly [option: string]: unknown;
}

const forms = `${modelNames.join(", ")}, an object with one of these as "name" and the model's options, or an object with inputShape and layers`;

/** Checked by building it: what a model refuses is found before any data is read. */
export const modelConfig = z
  .unknown()
  .superRefine(checkModel)
  .transform((value) => value as string | NamedModel | ModelConfig);

/** The model that the configuration names or describes. */
export function buildModel({ model }: { readonly model: z.output<typeof modelConfig> }): Model {
  if (typeof model === "string") return modelByName(model);
  if (!isNamed(model)) return modelFromJSON(model);
  const { name, ...options } = model;
  return modelByName(name, options);
}

/** What a reader calls it: its name, or that it was written out. */
export function modelLabel({ model }: { readonly model: z.output<typeof modelConfig> }): string {
  if (typeof model === "string") return model;
  return isNamed(model) ? model.name : "own layers";
}

function isNamed(model: object): model is NamedModel {
  return "name" in model;
}

type Issue = z.core.$ZodRawIssue;

function checkModel(value: unknown, context: z.core.$RefinementCtx): void {
  context.issues.push(...issuesOf(value));
}

function issuesOf(value: unknown): Issue[] {
  if (typeof value === "string") return issuesOfName(value, []);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [issue(value, allowed(forms))];
  const found = isNamed(value) ? issuesOfName(value.name, ["name"]) : issuesOfLayers(value);
  if (found.length > 0) return found;
  try {
    buildModel({ model: value as NamedModel | ModelConfig });
    return [];
  } catch (error) {
    return [issue(value, (error as Error).message)];
  }
}

function issuesOfName(name: unknown, path: string[]): Issue[] {
  if (modelNames.some((known) => known === name)) return [];
  const suggestion = typeof name === "string" ? nearest(name, modelNames) : undefined;
  return [issue(name, `${suggestion ? `did you mean '${suggestion}'? ` : ""}${allowed(forms)}`, path)];
}

function issuesOfLayers(value: object): Issue[] {
  return (modelSchema.safeParse(value).error?.issues ?? []) as unknown as Issue[];
}

function issue(input: unknown, message: string, path: string[] = []): Issue {
  return { code: "custom", input, message, path };
}
