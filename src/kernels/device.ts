/**
 * Per-example clipping and private updates on a GPU (CUDA), over buffers that stay there between calls.
 *
 * ```ts
 * const gradients = deviceBuffer({ rows: 256, columns: P, element: "bfloat16" });
 * const sum = deviceBuffer({ columns: P });
 * gradients.upload(bits);
 * const { sensitivity } = clipAndSum(gradients, sum, { threshold: 1 });
 * privatize(sum, { parameters, optimizer, step: 1, noiseMultiplier: 1.1, sensitivity, normalizer: 256 });
 * ```
 *
 * Kernels are enqueued and run one after the other; a call returns before they are done. `download()` and
 * `perExampleNorms()` wait, and so does making the noise: all three block the event loop meanwhile.
 *
 * **Guarantee.** As on the CPU: adding or removing one row changes `sum` by at most `sensitivity` in Euclidean norm,
 * whatever the row holds (NaN, Infinity: it is not added), and the noise is the same cryptographic one, made on the CPU
 * (docs/decisions/cuda-noise.md). No ε: that takes Poisson sampling and a normaliser fixed beforehand.
 */

import { checkChoice, checkKeys, checkList, describe } from "../arguments.js";
import type { DeviceElement, DeviceValues, NativeDeviceBuffer, NativeDeviceStatus } from "../native/binding.js";
import { loadBinding } from "../native/load.js";
import type { Optimizer } from "../optimizers/index.js";
import { checkNumber, type NumberRange } from "../privacy/check.js";
import { type ClipParameters, clipAttributes, clipParameterNames } from "../privacy/clip-functions.js";
import { RandomKeys } from "../privacy/random.js";
import { type ClippingConfig, sensitivity as sensitivityOf } from "../privacy/sensitivity.js";

const limits = {
  extent: { min: 1, max: 2 ** 40, integer: true },
  noiseMultiplier: { min: 0, max: 1e15 },
  positive: { min: 0, max: Number.MAX_VALUE, openMin: true },
  learningRate: { min: 0, max: Number.MAX_VALUE },
  step: { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true },
} as const satisfies Record<string, NumberRange>;

/** Whether there is a GPU to compute on, and if not, why: `problem`. Never throws for want of one. */
export function deviceStatus(): NativeDeviceStatus {
  return loadBinding().device.status();
}

export interface DeviceBufferOptions {
  /** Default 1. */
  readonly rows?: number | undefined;
  readonly columns: number;
  /** float32 (default); bfloat16 and float16 as their bits in a Uint16Array. */
  readonly element?: Exclude<DeviceElement, "bits"> | undefined;
}

/** [rows, columns] on the GPU, freed by `dispose()` or when it is collected. */
export class DeviceBuffer {
  /** Internal: the native buffer; throws once disposed of. */
  readonly native: NativeDeviceBuffer;

  private constructor(
    readonly element: DeviceElement,
    readonly rows: number,
    readonly columns: number,
  ) {
    this.native = new (loadBinding().device.Buffer)(element, rows, columns);
  }

  /** Internal; see `deviceBuffer` and `deviceMask`. */
  static create(element: DeviceElement, rows: number, columns: number): DeviceBuffer {
    checkNumber("rows", rows, limits.extent);
    checkNumber("columns", columns, limits.extent);
    return new DeviceBuffer(element, rows, columns);
  }

  /** Copies [rows, columns] values, of the element's typed array; the array may be reused afterwards. */
  upload(values: DeviceValues): void {
    this.native.upload(values);
  }

  /** A copy of all that was enqueued before. */
  download(): DeviceValues {
    return this.native.download();
  }

  zero(): void {
    this.native.zero();
  }

  dispose(): void {
    this.native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A buffer of zeros. @throws Error with the reason where there is no GPU; RangeError for a size that is none. */
export function deviceBuffer(options: DeviceBufferOptions): DeviceBuffer {
  checkKeys("options", options, ["rows", "columns", "element"]);
  const { rows = 1, columns, element = "float32" } = options;
  checkChoice("element", element, ["float32", "bfloat16", "float16"]);
  return DeviceBuffer.create(element, rows, columns);
}

/** A sparsification mask, one byte a coordinate (0: dropped), packed to bits on the GPU. It must not depend on data. */
export function deviceMask(kept: Uint8Array): DeviceBuffer {
  const words = packMask(kept);
  const mask = DeviceBuffer.create("bits", 1, words.length);
  mask.upload(words);
  return mask;
}

/** Bit i % 32 of word i / 32 is set where kept[i] is not 0. @throws TypeError, RangeError for anything but bytes. */
export function packMask(kept: Uint8Array): Uint32Array {
  if (!(kept instanceof Uint8Array)) throw new TypeError(`mask: got ${describe(kept)}, expected a Uint8Array`);
  if (kept.length === 0) throw new RangeError("mask: got no bytes, expected one a coordinate");
  const words = new Uint32Array(Math.ceil(kept.length / 32));
  for (let i = 0; i < kept.length; i++) {
    if (kept[i] !== 0) words[i >>> 5] = ((words[i >>> 5] as number) | (1 << (i & 31))) >>> 0;
  }
  return words;
}

export interface DeviceMaskOption {
  /** From `deviceMask`, of as many coordinates as there are columns: what is dropped counts nowhere. */
  readonly mask?: DeviceBuffer | undefined;
}

/** [rows] ‖g_b‖² in float64, Infinity or NaN where a gradient is not finite. Private data: no noise. */
export function perExampleNorms(gradients: DeviceBuffer, options: DeviceMaskOption = {}): Float64Array {
  checkKeys("options", options, ["mask"]);
  return loadBinding().device.squaredNorms(nativeOf("gradients", gradients), maskOf(options.mask));
}

export interface DeviceClipOptions extends DeviceMaskOption, ClipParameters {
  /** C > 0. */
  readonly threshold: number;
  /** Default: abadi. Its parameters (`gamma`, `r`, `Z`) stand beside it. */
  readonly function?: ClippingConfig["function"] | undefined;
  /** replace (default) or accumulate: add to what `sum` holds. */
  readonly mode?: "replace" | "accumulate" | undefined;
}

/** sum [1, columns] float32 = Σ_b factor_b · g_b. `sensitivity`: how far one example can move it. */
export function clipAndSum(
  gradients: DeviceBuffer,
  sum: DeviceBuffer,
  options: DeviceClipOptions,
): { readonly sensitivity: number } {
  checkKeys("options", options, ["threshold", "function", "mode", "mask", ...clipParameterNames]);
  const { threshold, function: name = "abadi", mode = "replace", mask, gamma, r, Z } = options;
  const sensitivity = sensitivityOf({ function: name, style: "flat", threshold, gamma, r, Z });
  checkChoice("mode", mode, ["replace", "accumulate"]);
  const [from, to, kept] = [nativeOf("gradients", gradients), nativeOf("sum", sum), maskOf(mask)];
  if (mode === "replace") to.zero();
  loadBinding().device.clipAndSum(from, kept, to, name, clipAttributes(name, options), threshold);
  return { sensitivity };
}

/** Zeros, in place, what the mask drops. `clipAndSum` and `perExampleNorms` take the mask themselves. */
export function sparsify(gradients: DeviceBuffer, options: { readonly mask: DeviceBuffer }): void {
  checkKeys("options", options, ["mask"]);
  loadBinding().device.sparsify(nativeOf("gradients", gradients), nativeOf("mask", options.mask));
}

export interface DevicePrivatizeOptions extends DeviceMaskOption {
  /** [1, count] float32, updated in place. */
  readonly parameters: DeviceBuffer;
  /** The optimizer's state, updated in place: [1, count] float32 each, before the first step zeros (AdaGrad: its initialAccumulator). Default: none. */
  readonly state?: readonly DeviceBuffer[] | undefined;
  readonly optimizer: Optimizer;
  /** Of this step; default: the optimizer's. */
  readonly learningRate?: number | undefined;
  /** Counts from 1. */
  readonly step: number;
  /** σ ≥ 0; 0 adds no noise, and nothing is private. */
  readonly noiseMultiplier: number;
  /** S > 0 of the sum: `clipAndSum` returns it. */
  readonly sensitivity: number;
  /** > 0: the public expected batch size q·N, never the sampled one. */
  readonly normalizer: number;
  /** A whole number that makes the noise repeatable and the result not private. */
  readonly seed?: number | undefined;
}

const privatizeKeys: readonly (keyof DevicePrivatizeOptions)[] = [
  "parameters",
  "state",
  "optimizer",
  "learningRate",
  "step",
  "noiseMultiplier",
  "sensitivity",
  "normalizer",
  "seed",
  "mask",
];

/**
 * (sum + N(0, σ²S²)) / normaliser, then the optimizer, in one pass. The noise has a fresh key of the operating system
 * for every call, unless there is a seed. @returns whether the update is private: false with a seed, or without noise.
 */
export function privatize(sum: DeviceBuffer, options: DevicePrivatizeOptions): { readonly private: boolean } {
  checkKeys("options", options, privatizeKeys);
  const { optimizer, step, noiseMultiplier, sensitivity, normalizer, state = [], seed } = options;
  if (typeof optimizer?.kind !== "string") {
    throw new TypeError(
      `optimizer: got ${describe(optimizer)}, expected an optimizer such as sgd({ learningRate: 1 })`,
    );
  }
  const learningRate = options.learningRate ?? optimizer.learningRate;
  checkNumber("learningRate", learningRate, limits.learningRate);
  checkNumber("step", step, limits.step);
  checkNumber("noiseMultiplier", noiseMultiplier, limits.noiseMultiplier);
  checkNumber("sensitivity", sensitivity, limits.positive);
  checkNumber("normalizer", normalizer, limits.positive);
  checkList("state", state, "device buffers");
  const keys = new RandomKeys(seed);
  const spec = {
    sum: nativeOf("sum", sum),
    mask: maskOf(options.mask),
    parameters: nativeOf("parameters", options.parameters),
    state: state.map((buffer, slot) => nativeOf(`state[${slot}]`, buffer)),
    optimizer: { kind: optimizer.kind, attributes: optimizer.attributes },
    learningRate,
    step,
    normalizer,
    deviation: noiseMultiplier * sensitivity,
  };
  keys.withKey("noise", (key) => loadBinding().device.privatize({ ...spec, key }));
  keys.wipe();
  return { private: !keys.seeded && noiseMultiplier > 0 };
}

/** Waits until everything that was enqueued is done. */
export function synchronize(): void {
  loadBinding().device.synchronize();
}

function nativeOf(name: string, buffer: DeviceBuffer): NativeDeviceBuffer {
  if (buffer instanceof DeviceBuffer) return buffer.native;
  throw new TypeError(`${name}: got ${describe(buffer)}, expected a device buffer`);
}

function maskOf(mask: DeviceBuffer | undefined): NativeDeviceBuffer | null {
  return mask === undefined ? null : nativeOf("mask", mask);
}
