/**
 * What the graph knows of a layer: its name in native code, its JSON form, and how it answers the shapes of its inputs
 * with its own shape, attributes and parameters. Layers themselves live in src/layers, one file each.
 */

import type { Attributes } from "../native/binding.js";
import type { UniformSource } from "./random.js";
import type { Shape } from "./shape.js";

/** Fills a fresh parameter in place, or the next piece of it: element by element, knowing nothing of the others. */
export type Initializer = (values: Float32Array, random: UniformSource) => void;

export interface LayerParameter {
  /** Last part of PyTorch's name: `weight`. */
  readonly name: string;
  /** PyTorch's shape. */
  readonly shape: Shape;
  readonly initialise: Initializer;
}

/** A layer once the shapes of its inputs are known. */
export interface InferredLayer {
  readonly outputShape: Shape;
  readonly attributes: Attributes;
  /** By slot of the native layer; null where the layer goes without (`bias: false`). */
  readonly parameters: readonly (LayerParameter | null)[];
}

/** JSON form of a layer: its `type` and its options. */
export interface LayerJson {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** Whose parameters a layer uses: an earlier layer's name, or names of parameters by this layer's own. */
export type Tie = string | Readonly<Record<string, string>>;

export interface Layer {
  /** What JSON calls it: `conv2d`. */
  readonly type: string;
  /** Registered name of the native layer: `Conv2d`. */
  readonly kind: string;
  /** True: its parameters are not trained. */
  readonly frozen: boolean;
  /** Absent: its parameters are its own. */
  readonly tie?: Tie | undefined;
  /** @throws LayerError naming `path`, the reason and what to use instead. */
  infer(inputs: readonly Shape[], path: string): InferredLayer;
  toJSON(): LayerJson;
}
