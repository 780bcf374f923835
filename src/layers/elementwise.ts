/** Layers that combine several values of one shape, element by element. */
import type { Layer } from "../graph/layer.js";
import { type Shape, showShape } from "../graph/shape.js";
import { defineLayer, type InferenceContext } from "./define.js";

export const addType = defineLayer({
  type: "add",
  kind: "Add",
  inputs: "several",
  options: {},
  infer: (_, context) => ({ outputShape: commonShape(context), attributes: {}, parameters: [] }),
});

export const multiplyType = defineLayer({
  type: "multiply",
  kind: "Multiply",
  inputs: "several",
  options: {},
  infer: (_, context) => ({ outputShape: commonShape(context), attributes: {}, parameters: [] }),
});

function commonShape({ input, inputs, refuse }: InferenceContext): Shape {
  const other = inputs.find((shape) => showShape(shape) !== showShape(input));
  if (other === undefined) return input;
  return refuse(
    `its inputs have shapes ${inputs.map(showShape).join(" and ")}`,
    "give it values of one shape (a 1×1 convolution changes channels, a stride or pool the size)",
  );
}

/** The sum of two or more values of one shape: `graph.add(add(), [a, b])`. */
export function add(): Layer {
  return addType.create({});
}

/** The product of two or more values of one shape, element by element. */
export function multiply(): Layer {
  return multiplyType.create({});
}
