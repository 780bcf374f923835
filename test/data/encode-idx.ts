/** Writes what the IDX reader reads: unsigned bytes of a shape. */
export function encodeIdx(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  for (const [i, length] of shape.entries()) view.setUint32(4 + 4 * i, length);
  bytes.set(Uint8Array.from(values), 4 + 4 * shape.length);
  return bytes;
}
