/** Rows of the gradient test table: the model and batch that a row's JSON describes, and the float64 results for it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../../src/data/safetensors.js";
import type { Model } from "../../src/graph/model.js";
import { elementCount } from "../../src/graph/shape.js";
import { modelFromJSON } from "../../src/layers/model-json.js";
import { type Loss, lossFromJSON } from "../../src/losses/index.js";
import type { ParameterSpec } from "../../src/native/binding.js";
import type { Batch } from "../../src/training/batch.js";
import type { Tensors } from "../../src/training/tensors.js";
import { Stream } from "./generator.js";

/** See rows.json. */
export interface Row {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly layers: readonly { readonly type: string }[];
  readonly loss: { readonly type: string };
  /** Names of parameters that are not trained, beyond those of layers with `freeze`. */
  readonly frozen?: readonly string[];
  readonly batch: number;
  /** Augmentation multiplicity: an example is so many rows of the inputs. */
  readonly views?: number;
  /** What errors are measured against: the tensor's largest magnitude, or (`example`) the whole gradient's. */
  readonly scale?: "tensor" | "example";
}

export interface Fixture {
  readonly row: Row;
  readonly model: Model;
  readonly loss: Loss;
  readonly batch: Batch;
  /** Its views, each an example of its own: what evaluation takes. */
  readonly rows: Batch;
  readonly parameters: Tensors;
  /** C. */
  readonly threshold: number;
  /** A float64 result by its name in the file. */
  expected(name: string): Float64Array;
}

const folder = join(import.meta.dirname, "../fixtures/gradients");

/** The rows of a table, `rows.json` or `workloads.json`. */
export function readRows(file: string): Row[] {
  const rows = JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, unknown>[];
  return rows.map(({ kinkDistance, ...row }) => ({ batch: 5, ...row }) as unknown as Row);
}

/** Loads a row's results and makes its inputs again. Refuses a file that was made for another row. */
export function loadFixture(row: Row): Fixture {
  const { tensors, metadata } = readSafetensors(join(folder, `${row.name}.safetensors`));
  const { sketch, ...made } = JSON.parse(metadata.row ?? "null") as Record<string, unknown>;
  if (sorted(made) !== sorted(row))
    throw new Error(`${row.name}: the fixture was made for another row; run make.py again`);
  const model = modelFromJSON({ inputShape: row.inputShape, layers: row.layers, frozen: row.frozen });
  const loss = lossFromJSON(row.loss);
  const stream = new Stream(Number(metadata.seed));
  const size = row.batch * (row.views ?? 1);
  const inputs = stream.centered(size * elementCount(row.inputShape), 0, 1.5);
  const targets = drawTargets(stream, loss, size, model.outputShape);
  return {
    row,
    model,
    loss,
    batch: { inputs, targets, size: row.batch },
    rows: { inputs, targets, size },
    parameters: Object.fromEntries(
      model.spec.parameters.map((spec) => [spec.name, drawParameter(stream, spec, model)]),
    ),
    threshold: Number(metadata.threshold),
    expected(name) {
      const values = tensors.get(name)?.values;
      if (values instanceof Float64Array) return values;
      throw new Error(`${row.name}: its fixture holds no '${name}'`);
    },
  };
}

/** The first `size` examples of a batch repeated over and over. */
export function repeated(batch: Batch, size: number): Batch {
  const inputElements = batch.inputs.length / batch.size;
  const targetElements = batch.targets.length / batch.size;
  const source = (i: number, elements: number) => (Math.floor(i / elements) % batch.size) * elements + (i % elements);
  const inputs = new Float32Array(size * inputElements).map((_, i) => batch.inputs[source(i, inputElements)] as number);
  const targets =
    batch.targets instanceof Int32Array
      ? new Int32Array(size * targetElements)
      : new Float32Array(size * targetElements);
  for (let i = 0; i < targets.length; i++) targets[i] = batch.targets[source(i, targetElements)] as number;
  return { inputs, targets, size };
}

function drawTargets(stream: Stream, loss: Loss, batch: number, outputShape: readonly number[]): Batch["targets"] {
  const elements = batch * elementCount(outputShape);
  if (loss.targetKind === "values") {
    const round = loss.kind === "binaryCrossEntropyWithLogits" ? (u: number) => Math.floor(2 * u) : (u: number) => u;
    return Float32Array.from({ length: elements }, () => round(stream.uniform()));
  }
  const classes = outputShape.at(-1) ?? 1;
  return Int32Array.from({ length: elements / classes }, () => Math.floor(stream.uniform() * classes));
}

/** Weights that keep activations near 1; biases and the weights of normalisations away from their defaults. */
function drawParameter(stream: Stream, { name, shape }: ParameterSpec, model: Model): Tensors[string] {
  const count = elementCount(shape);
  if (name.endsWith("bias")) return { shape, data: stream.centered(count, 0, 0.25) };
  const owner = model.spec.nodes.find((node) => node.path === name.slice(0, name.lastIndexOf(".")));
  if (owner?.kind === "GroupNorm" || owner?.kind === "LayerNorm")
    return { shape, data: stream.centered(count, 1, 0.5) };
  return { shape, data: stream.centered(count, 0, Math.sqrt(3 / elementCount(shape.slice(1)))) };
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
