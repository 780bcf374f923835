/** The element types of safetensors files that are read, and how their bytes become numbers. */
import { endianness } from "node:os";

/** Bytes of one element. */
export const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I32: 4, U8: 1 } as const;

export type DType = keyof typeof elementBytes;

/** The numbers in `bytes`, a buffer of its own that the result may keep. F16 and BF16 become float32, exactly. */
export function decodeElements(dtype: DType, bytes: Uint8Array): Float32Array | Float64Array | Int32Array | Uint8Array {
  if (endianness() !== "LE") throw new Error("safetensors files are read on little-endian machines only");
  const { buffer, byteOffset } = bytes;
  const length = bytes.byteLength / elementBytes[dtype];
  switch (dtype) {
    case "F64":
      return new Float64Array(buffer, byteOffset, length);
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "I32":
      return new Int32Array(buffer, byteOffset, length);
    case "U8":
      return bytes;
    case "F16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length), halfToNumber);
    case "BF16":
      return bfloatToFloat(new Uint16Array(buffer, byteOffset, length));
  }
}

/** A bfloat16 is the upper half of a float32. */
function bfloatToFloat(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}

/** IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
