/**
 * Buffers that another thread reads or writes until a promise settles. Node-API keeps an ArrayBuffer from being
 * collected, but not from being detached, and whoever gets its memory then may free it while it is read. So it is made
 * impossible meanwhile, as far as JavaScript lets us: `postMessage` and `structuredClone` copy the buffer or refuse (worker_threads'
 * markAsUntransferable, which cannot be undone), `transfer()` throws. Resizable buffers, whose memory goes when they
 * shrink, are refused. A byte stream (ReadableStream of type bytes) that is handed the array takes its memory all the
 * same, and nothing tells us: docs/kernels.md says so.
 */
import { markAsUntransferable } from "node:worker_threads";
import { memoryOf } from "./arrays.js";

const METHODS = ["transfer", "transferToFixedLength"] as const;
const holders = new WeakMap<ArrayBuffer, number>();

/** An argument's name and array; null: not given. */
export type NamedArray = readonly [name: string, array: ArrayBufferView | null];

export function named(name: string, arrays: readonly ArrayBufferView[]): NamedArray[] {
  return arrays.map((array, block) => [`${name}[${block}]`, array]);
}

/** Holds the arrays' buffers; the function it returns lets go of them. @throws TypeError where one cannot be held. */
export function hold(arrays: readonly NamedArray[]): () => void {
  const buffers = new Set<ArrayBuffer>();
  for (const [name, array] of arrays) {
    if (array === null) continue;
    const { buffer } = memoryOf(array);
    requireHoldable(name, buffer);
    buffers.add(buffer);
  }
  for (const buffer of buffers) take(buffer);
  return () => {
    for (const buffer of buffers) release(buffer);
  };
}

function requireHoldable(name: string, buffer: ArrayBuffer): void {
  const { resizable } = buffer as { resizable?: boolean };
  if (resizable === true)
    throw new TypeError(
      `${name}: got a resizable ArrayBuffer, expected one of fixed length, or the call that ends in Sync`,
    );
  if (!Object.isExtensible(buffer))
    throw new TypeError(`${name}: got a frozen ArrayBuffer, expected an extensible one, or the call that ends in Sync`);
}

function take(buffer: ArrayBuffer): void {
  const count = holders.get(buffer) ?? 0;
  holders.set(buffer, count + 1);
  if (count > 0) return;
  markAsUntransferable(buffer);
  for (const name of METHODS) {
    if (name in buffer) Object.defineProperty(buffer, name, { value: refuse, configurable: true });
  }
}

function release(buffer: ArrayBuffer): void {
  const count = holders.get(buffer) ?? 0;
  holders.set(buffer, count - 1);
  if (count > 1) return;
  holders.delete(buffer);
  for (const name of METHODS) Reflect.deleteProperty(buffer, name);
}

function refuse(): never {
  throw new TypeError("ArrayBuffer.transfer: a hushgrad kernel works on this buffer; await its promise first");
}

/** Starts `work` on held buffers and lets go of them when its promise settles. */
export async function whileHeld(arrays: readonly NamedArray[], work: () => Promise<number>): Promise<number> {
  const release = hold(arrays);
  try {
    return await work();
  } finally {
    release();
  }
}
