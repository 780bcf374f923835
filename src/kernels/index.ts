/** Kernels over per-example gradients that the caller has: from TensorFlow.js, ONNX, or own code (docs/kernels.md). */
export type { GradientDType } from "../native/binding.js";
export type { GradientArray, GradientOptions, SumArray } from "./arrays.js";
export { type ClipOptions, type ClipResult, clipAndSum, clipAndSumSync } from "./clip-and-sum.js";
export { type NormOptions, perExampleNorms, perExampleNormsSync } from "./per-example-norms.js";
export { type Privatized, type PrivatizeOptions, privatize, privatizeSync } from "./privatize.js";
export { type SparsifyOptions, sparsify, sparsifySync } from "./sparsify.js";
