/** Parameters by name, as they move in and out of a session and through safetensors. */

import { describe } from "../arguments.js";
import { elementCount, showShape } from "../graph/shape.js";
import type { ParameterSpec } from "../native/binding.js";

export interface Tensor {
  /** PyTorch's shape. */
  readonly shape: readonly number[];
  /** Row-major values, as many as the shape holds. */
  readonly data: Float32Array;
}

/** Tensors by PyTorch's name, such as `0.weight`, in the model's order. */
export type Tensors = Record<string, Tensor>;

/** @throws TypeError or RangeError naming the tensor, what came and what is allowed. */
export function checkTensor(name: string, tensor: Tensor | undefined, spec: ParameterSpec): Float32Array {
  const shape = showShape(spec.shape);
  if (typeof tensor !== "object" || tensor === null) {
    throw new TypeError(`${name}: got ${describe(tensor)}, expected {shape: ${shape}, data: Float32Array}`);
  }
  if (!sameShape(tensor.shape, spec.shape)) {
    const came = Array.isArray(tensor.shape) ? showShape(tensor.shape) : describe(tensor.shape);
    throw new RangeError(`${name}: got shape ${came}, expected ${shape}`);
  }
  if (!(tensor.data instanceof Float32Array)) {
    throw new TypeError(`${name}: got data ${describe(tensor.data)}, expected Float32Array`);
  }
  const elements = elementCount(spec.shape);
  if (tensor.data.length === elements) return tensor.data;
  throw new RangeError(`${name}: got data ${describe(tensor.data)}, expected Float32Array of ${elements}`);
}

/** @throws RangeError that lists what is missing and what is not the model's. */
export function checkNames(argument: string, given: Readonly<Tensors>, specs: readonly ParameterSpec[]): void {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`${argument}: got ${describe(given)}, expected tensors by name`);
  }
  const wanted = new Set(specs.map((spec) => spec.name));
  const missing = [...wanted].filter((name) => !Object.hasOwn(given, name));
  const unknown = Object.keys(given).filter((name) => !wanted.has(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const parts = [
    missing.length > 0 && `missing ${missing.join(", ")}`,
    unknown.length > 0 && `not in the model: ${unknown.join(", ")}`,
  ];
  throw new RangeError(`${argument}: ${parts.filter(Boolean).join("; ")}`);
}

/**
 * The tensors under the names of the model's parameters alone: `aliases` are further names of shared ones.
 * @throws RangeError where two names of one parameter come with different values.
 */
export function withoutAliases(given: Readonly<Tensors>, aliases: ReadonlyMap<string, string>): Readonly<Tensors> {
  if (aliases.size === 0 || typeof given !== "object" || given === null) return given;
  const named = new Map<string, Tensor>();
  for (const [name, tensor] of Object.entries(given)) {
    const target = aliases.get(name) ?? name;
    const other = named.get(target);
    if (other !== undefined && !sameTensor(other, tensor)) {
      throw new RangeError(
        `${name}: differs from '${target}', which it is tied to; give equal values, or one of the two`,
      );
    }
    named.set(target, tensor);
  }
  return Object.fromEntries(named);
}

function sameShape(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((extent, i) => extent === b[i]);
}

function sameTensor(a: Tensor, b: Tensor | undefined): boolean {
  return (
    a === b ||
    (sameShape(a?.shape, b?.shape) &&
      b?.data?.length === a?.data?.length &&
      a.data.every((value, i) => Object.is(value, b.data[i])))
  );
}

type Numbers = Float32Array | Float64Array | Uint8Array;

/** All parts in one array; a single part is handed back as it is. */
export function joined<T extends Numbers>(parts: readonly T[], type: new (length: number) => T): T {
  if (parts.length === 1) return parts[0] as T;
  const whole = new type(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
