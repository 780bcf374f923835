/** A model as shape inference left it: what crosses to native code, how it starts, and its JSON form. */

import { checkFunction, checkKind, checkList, checkMethods, checkObject } from "../arguments.js";
import type { ModelSpec, NodeSpec, ParameterSpec } from "../native/binding.js";
import { GraphError } from "./errors.js";
import type { Initializer, Layer, LayerJson } from "./layer.js";
import type { UniformSource } from "./random.js";
import { checkWholeNumbers, elementCount, type Shape } from "./shape.js";

/** One layer in a model's JSON form; `name` and `inputs` are left out where they follow from its position. */
export interface NodeJson extends LayerJson {
  /** Default: its position. */
  readonly name?: string;
  /** Names of the nodes that feed it (`input`: the model's input). Default: the node before it. */
  readonly inputs?: readonly string[];
}

export interface ModelJson {
  readonly inputShape: readonly number[];
  readonly layers: readonly NodeJson[];
  /** Names of parameters that are not trained, beyond those of layers with `freeze: true`. */
  readonly frozen?: readonly string[];
}

/** A layer and where it stands. */
export interface ModelNode {
  readonly layer: Layer;
  readonly path: string;
  /** Paths of the nodes that feed it. */
  readonly from: readonly string[];
}

export interface ModelParts {
  readonly inputShape: Shape;
  readonly nodes: readonly NodeSpec[];
  readonly parameters: readonly ParameterSpec[];
  readonly initializers: readonly Initializer[];
  readonly modelNodes: readonly ModelNode[];
  /** Further names of shared parameters, and the names that `parameters` has. */
  readonly aliases: ReadonlyMap<string, string>;
}

const lists = ["inputShape", "nodes", "parameters", "initializers", "modelNodes"] as const;

/** Values that are made at a time. */
const PIECE = 16384;

export class Model {
  /** What the native session is made of. */
  readonly spec: ModelSpec;
  /** Elements of all parameters, frozen ones included. */
  readonly parameterCount: number;
  /** Elements of the parameters that training moves. */
  readonly trainableParameterCount: number;

  /** Made by `GraphBuilder.build`, `sequential` or `modelFromJSON`. */
  constructor(private readonly parts: ModelParts) {
    checkObject("parts", parts, "what a GraphBuilder makes");
    checkKind("parts.aliases", parts.aliases, Map);
    for (const name of lists) checkList(`parts.${name}`, parts[name], "what a GraphBuilder makes");
    checkWholeNumbers("parts.inputShape", parts.inputShape);
    const parameters = [...parts.parameters];
    this.spec = { inputShape: [...parts.inputShape], parameters, nodes: [...parts.nodes] };
    this.parameterCount = count(parameters);
    this.trainableParameterCount = count(parameters.filter((parameter) => parameter.trainable));
  }

  /**
   * Names that PyTorch's `state_dict` has beside those of `spec.parameters`: of tied layers, with the name of the
   * parameter that is used.
   */
  get aliases(): ReadonlyMap<string, string> {
    return this.parts.aliases;
  }

  get inputShape(): Shape {
    return this.spec.inputShape;
  }

  get outputShape(): Shape {
    const last = this.spec.nodes.at(-1);
    if (last === undefined) throw new GraphError("the model has no layers");
    return last.outputShape;
  }

  /** Fresh parameters with PyTorch's default distributions, in the order of `spec.parameters`. */
  initialise(random: UniformSource): Float32Array[] {
    const values = this.parts.parameters.map((parameter) => new Float32Array(elementCount(parameter.shape)));
    this.initialisePieces(random, (index, first, piece) => values[index]?.set(piece, first));
    return values;
  }

  /** The same values piece by piece, never all at once: `write` gets up to 16,384 of parameter `index` from `first` on. */
  initialisePieces(random: UniformSource, write: (index: number, first: number, piece: Float32Array) => void): void {
    checkMethods("random", random, ["uniform"], "a source of random numbers");
    const scratch = new Float32Array(PIECE);
    this.parts.parameters.forEach((parameter, index) => {
      const count = elementCount(parameter.shape);
      for (let first = 0; first < count; first += PIECE) {
        const piece = scratch.subarray(0, Math.min(PIECE, count - first)).fill(0);
        this.parts.initializers[index]?.(piece, random);
        write(index, first, piece);
      }
    });
  }

  /** The same model with the parameters for which `freeze` holds not trained either. */
  withFrozen(freeze: (parameter: string) => boolean): Model {
    checkFunction("freeze", freeze);
    const parameters = this.parts.parameters.map((parameter) => ({
      ...parameter,
      trainable: parameter.trainable && !freeze(parameter.name),
    }));
    return new Model({ ...this.parts, parameters });
  }

  /** JSON form: `modelFromJSON` (src/layers/model_json.ts) gives the same model back. */
  toJSON(): ModelJson {
    const layers = this.parts.modelNodes.map((node, index) => nodeJson(node, index, this.parts.modelNodes[index - 1]));
    const frozenByLayer = new Set(this.parts.modelNodes.filter((node) => node.layer.frozen).map((node) => node.path));
    const frozen = this.parts.parameters
      .filter((parameter) => !parameter.trainable && !frozenByLayer.has(owner(parameter.name)))
      .map((parameter) => parameter.name);
    const base = { inputShape: [...this.parts.inputShape], layers };
    return frozen.length === 0 ? base : { ...base, frozen };
  }
}

function nodeJson(node: ModelNode, index: number, previous: ModelNode | undefined): NodeJson {
  const { type, ...options } = node.layer.toJSON();
  const name = node.path === String(index) ? {} : { name: node.path };
  const inputs = node.from.join() === (previous?.path ?? "input") ? {} : { inputs: node.from };
  return { type, ...name, ...inputs, ...options };
}

function owner(parameter: string): string {
  return parameter.slice(0, parameter.lastIndexOf("."));
}

function count(parameters: readonly ParameterSpec[]): number {
  return parameters.reduce((sum, parameter) => sum + elementCount(parameter.shape), 0);
}
