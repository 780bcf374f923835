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

import { checkFunction, checkList, checkMethods, checkObject, checkText } from "../arguments.js";
import type { NodeSpec, ParameterSpec } from "../native/binding.js";
import { GraphError, LayerError } from "./errors.js";
import type { Initializer, Layer, LayerParameter } from "./layer.js";
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
/** A number in a file, such as a depth, must not build for ever. */
const MOST_LAYERS = 10_000;
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
  private readonly aliases = new Map<string, string>();

  /** The model's input: `shape` of one example, without the batch. Once, and first. */
  input(shape: Shape): Value {
    if (this.values.length > 0) throw new GraphError("input: the model has one already; a model has a single input");
    checkShape("input", shape);
    return this.remember(INPUT, [...shape]);
  }

  /**
   * Adds a layer fed by `inputs`. Its path, the prefix of its parameters' names, is `name`, or else the number of
   * layers added before it. Adding one layer object twice makes two layers, each with parameters of its own; a layer
   * made with `tie` uses an earlier layer's.
   * @throws LayerError where the layer refuses its inputs, GraphError where what it is tied to is not there.
   */
  add(layer: Layer, inputs: Value | readonly Value[], name?: string): Value {
    if (this.nodes.length === MOST_LAYERS) {
      throw new GraphError(`add: the model has ${MOST_LAYERS} layers already, the most that are allowed; add no more`);
    }
    checkMethods("layer", layer, ["infer", "toJSON"], "a layer such as linear(10)");
    if (name !== undefined) checkText("name", name);
    const path = name ?? String(this.nodes.length);
    this.checkName(path);
    const from = Array.isArray(inputs) ? (inputs as readonly Value[]) : [inputs as Value];
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
      parameters: this.parametersOf(layer, path, inferred.parameters),
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
    checkObject("options", options, "an object of freeze");
    const index = this.indexOf(output, "output");
    if (this.nodes.length === 0) throw new GraphError("build: the model has no layers; add one");
    if (index !== this.nodes.length) {
      throw new GraphError(
        `build: output is '${output.path}', but '${this.nodes.at(-1)?.path}' was added last; build that`,
      );
    }
    this.checkUsed();
    const { freeze = () => false } = options;
    checkFunction("freeze", freeze);
    return new Model({
      inputShape: this.value(0).shape,
      nodes: this.nodes,
      parameters: this.parameters.map((p) => ({ ...p, trainable: p.trainable && !freeze(p.name) })),
      initializers: this.initializers,
      modelNodes: this.modelNodes,
      aliases: this.aliases,
    });
  }

  /** Indices of a layer's parameters by slot, its own or those that it is tied to; −1 where it goes without. */
  private parametersOf(layer: Layer, path: string, wanted: readonly (LayerParameter | null)[]): number[] {
    const targets = tiedParameters(layer, path, wanted);
    // All of them are looked up before anything is added.
    const shared = wanted.map((parameter) => this.sharedIndex(path, parameter, targets));
    return wanted.map((parameter, slot) => {
      if (parameter === null) return -1;
      const name = `${path}.${parameter.name}`;
      const index = shared[slot];
      if (index !== undefined) {
        this.aliases.set(name, this.parameters[index]?.name as string);
        return index;
      }
      this.initializers.push(parameter.initialise);
      return this.parameters.push({ name, shape: parameter.shape, trainable: !layer.frozen }) - 1;
    });
  }

  /** The index of the parameter that is used in the place of a layer's own; undefined where it is not tied. */
  private sharedIndex(
    path: string,
    parameter: LayerParameter | null,
    targets: ReadonlyMap<string, string>,
  ): number | undefined {
    const target = parameter === null ? undefined : targets.get(parameter.name);
    if (parameter === null || target === undefined) return undefined;
    const known = this.aliases.get(target) ?? target;
    const index = this.parameters.findIndex(({ name }) => name === known);
    const found = this.parameters[index];
    const own = `${path}.${parameter.name}`;
    if (found === undefined) {
      const names = [...this.parameters.map(({ name }) => name), ...this.aliases.keys()];
      const allowed = names.length > 0 ? `allowed are ${names.join(", ")}` : "it is the first that has any";
      throw new GraphError(`tie: there is no parameter '${target}' before '${own}'; ${allowed}`);
    }
    if (showShape(found.shape) === showShape(parameter.shape)) return index;
    throw new GraphError(
      `tie: '${own}' has shape ${showShape(parameter.shape)}, and '${target}' ${showShape(found.shape)}; ` +
        "tie parameters of one shape",
    );
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

/** What a layer's parameters are tied to, by their names in the layer. */
function tiedParameters(
  { tie, frozen }: Layer,
  path: string,
  parameters: readonly (LayerParameter | null)[],
): ReadonlyMap<string, string> {
  if (tie === undefined) return new Map();
  if (typeof tie !== "string")
    checkObject(`layer '${path}': tie`, tie, "a layer's name, or names of parameters by name");
  const own = parameters.flatMap((parameter) => parameter?.name ?? []);
  const pairs = typeof tie === "string" ? own.map((name) => [name, `${tie}.${name}`] as const) : Object.entries(tie);
  const unknown = pairs.find(([name]) => !own.includes(name));
  if (unknown !== undefined) {
    throw new GraphError(
      `layer '${path}': tie: it has no parameter '${unknown[0]}'; allowed are ${own.join(", ") || "none"}`,
    );
  }
  if (pairs.length === 0) throw new GraphError(`layer '${path}': tie: it has no parameters to tie; leave tie out`);
  if (frozen) {
    throw new GraphError(
      `layer '${path}': freeze: '${pairs[0]?.[1]}' is not its own; freeze the layer that has it, or build with freeze`,
    );
  }
  return new Map(pairs);
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
  checkList("layers", layers, "layers");
  const graph = new GraphBuilder();
  let value = graph.input(inputShape);
  for (const layer of layers) value = graph.add(layer, value);
  return graph.build(value, options);
}
