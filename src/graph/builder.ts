/**
 * Wires layers into a directed acyclic graph and infers every shape on the way, so that a model that was built is a
 * model that runs.
 *
 * ```ts
 * const graph = new GraphBuilder();
 * const image = graph.input([1, 28, 28]);
 * const model = graph.build(graph.add(linear(10), graph.add(flatten(), image)));
 * ```
 */

import type { NodeSpec, ParameterSpec } from "../native/binding.js";
import { GraphError, LayerError } from "./errors.js";
import type { Initializer, Layer } from "./layer.js";
import { Model, type ModelNode } from "./model.js";
import { checkShape, elementCount, type Shape, showShape } from "./shape.js";

/** What a node, or the model's input, gives: handed to `add` as another node's input. */
export interface Value {
  readonly shape: Shape;
  /** Name of the node that makes it; `input` for the model's input. */
  readonly path: string;
}

const INPUT = "input";
/** Of one value or parameter; native code refuses more. */
const MOST_ELEMENTS = 2 ** 40;
const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

export interface BuildOptions {
  /** Parameters for which this holds are not trained; it is asked with PyTorch's name, such as `0.weight`. */
  readonly freeze?: (parameter: string) => boolean;
}

export class GraphBuilder {
  private readonly values: Value[] = [];
  private readonly nodes: NodeSpec[] = [];
  private readonly modelNodes: ModelNode[] = [];
  private readonly parameters: ParameterSpec[] = [];
  private readonly initializers: Initializer[] = [];

  /** The model's input: `shape` of one example, without the batch. Once, and first. */
  input(shape: Shape): Value {
    if (this.values.length > 0) throw new GraphError("input: the model has one already; a model has a single input");
    checkShape("input", shape);
    return this.remember(INPUT, [...shape]);
  }

  /**
   * Adds a layer fed by `inputs`. Its path, the prefix of its parameters' names, is `name`, or else the number of
   * layers added before it. Adding one layer object twice makes two layers, each with parameters of its own.
   * @throws LayerError where the layer refuses its inputs.
   */
  add(layer: Layer, inputs: Value | readonly Value[], name?: string): Value {
    const path = name ?? String(this.nodes.length);
    this.checkName(path);
    const from = "path" in inputs ? [inputs] : inputs;
    const sources = from.map((value) => this.indexOf(value, path));
    const inferred = layer.infer(
      from.map((value) => value.shape),
      path,
    );
    for (const shape of [inferred.outputShape, ...inferred.parameters.map((parameter) => parameter?.shape ?? [])]) {
      requireAddressable(layer, path, shape);
    }
    this.nodes.push({
      kind: layer.kind,
      path,
      inputs: sources,
      parameters: inferred.parameters.map((parameter) => {
        if (parameter === null) return -1;
        this.initializers.push(parameter.initialise);
        const trainable = !layer.frozen;
        return this.parameters.push({ name: `${path}.${parameter.name}`, shape: parameter.shape, trainable }) - 1;
      }),
      attributes: inferred.attributes,
      outputShape: inferred.outputShape,
    });
    this.modelNodes.push({ layer, path, from: from.map((value) => value.path) });
    return this.remember(path, inferred.outputShape);
  }

  /**
   * The model whose output is `output`, which must be the last layer's.
   * @throws GraphError where a layer's output goes nowhere.
   */
  build(output: Value, options: BuildOptions = {}): Model {
    const index = this.indexOf(output, "output");
    if (this.nodes.length === 0) throw new GraphError("build: the model has no layers; add one");
    if (index !== this.nodes.length) {
      throw new GraphError(
        `build: output is '${output.path}', but '${this.nodes.at(-1)?.path}' was added last; build that`,
      );
    }
    this.checkUsed();
    const freeze = options.freeze ?? (() => false);
    return new Model({
      inputShape: this.value(0).shape,
      nodes: this.nodes,
      parameters: this.parameters.map((p) => ({ ...p, trainable: p.trainable && !freeze(p.name) })),
      initializers: this.initializers,
      modelNodes: this.modelNodes,
    });
  }

  private remember(path: string, shape: Shape): Value {
    const value = Object.freeze({ path, shape });
    this.values.push(value);
    return value;
  }

  private value(index: number): Value {
    const found = this.values[index];
    if (found === undefined) throw new GraphError("call input(shape) first: the model has no input yet");
    return found;
  }

  private indexOf(value: Value, path: string): number {
    const index = this.values.indexOf(value);
    if (index >= 0) return index;
    throw new GraphError(`'${path}': an input is no value of this builder; pass what input() or add() returned`);
  }

  private checkName(path: string): void {
    if (!NAME.test(path)) {
      throw new GraphError(`name '${path}': allowed are letters, digits, '_', '-' and single dots between them`);
    }
    if (this.values.some((value) => value.path === path)) {
      throw new GraphError(`name '${path}': is taken; give every layer a name of its own`);
    }
  }

  private checkUsed(): void {
    const used = new Set(this.nodes.flatMap((node) => node.inputs));
    const dead = this.nodes.findIndex((_, i) => i + 1 < this.nodes.length && !used.has(i + 1));
    if (dead < 0) return;
    throw new GraphError(
      `layer '${this.nodes[dead]?.path}': its output goes nowhere; feed it to a layer or leave it out`,
    );
  }
}

function requireAddressable({ type }: Layer, path: string, shape: Shape): void {
  const elements = elementCount(shape);
  if (elements <= MOST_ELEMENTS) return;
  throw new LayerError(
    path,
    type,
    `it makes ${elements} elements of shape ${showShape(shape)}, more than the ${MOST_ELEMENTS} that can be addressed`,
    "use less padding, fewer features or channels, or a smaller input",
  );
}

/**
 * A chain of layers, named as torch.nn.Sequential names them: by position, activations counted, so that
 * `sequential([4], [linear(8), relu(), linear(2)])` has the parameters `0.weight`, `0.bias`, `2.weight`, `2.bias`.
 */
export function sequential(inputShape: Shape, layers: readonly Layer[], options: BuildOptions = {}): Model {
  const graph = new GraphBuilder();
  let value = graph.input(inputShape);
  for (const layer of layers) value = graph.add(layer, value);
  return graph.build(value, options);
}
