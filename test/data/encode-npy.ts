/** Writes .npy files for tests. */

const descrs = new Map<unknown, string>([
  [Uint8Array, "|u1"],
  [Int8Array, "|i1"],
  [Int16Array, "<i2"],
  [Int32Array, "<i4"],
  [BigInt64Array, "<i8"],
  [Float32Array, "<f4"],
  [Float64Array, "<f8"],
]);

/** A file of version 1 in C order. */
export function encodeNpy(shape: readonly number[], data: ArrayBufferView): Uint8Array {
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const dict = `{'descr': '${descrs.get(data.constructor)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  return npyOf(dict, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** A file with any header. */
export function npyOf(header: string, elements: Uint8Array, version = 1): Uint8Array {
  const text = Buffer.from(`${header}\n`, "latin1");
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Uint8Array.from(
    Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.from([version, 0]), length, text, elements]),
  );
}
