export { type BuildOptions, GraphBuilder, sequential, type Value } from "./builder.js";
export { GraphError, LayerError, ShapeError } from "./errors.js";
export type { InferredLayer, Initializer, Layer, LayerJson, LayerParameter, Tie } from "./layer.js";
export { Model, type ModelJson, type NodeJson } from "./model.js";
export type { UniformSource } from "./random.js";
export { elementCount, type Shape, showShape } from "./shape.js";
