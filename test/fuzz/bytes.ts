/** Changes to bytes as disks, networks and attackers make them. */
import type { Random } from "./random.js";

const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x20, 0x22, 0x2c, 0x7b];
/** What headers say of sizes, and counters overflow at. */
const extremes = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, -1n];
const digits = ["0", "-1", "1e308", "4294967296", "9007199254740993", "99999999999999999999", "NaN"];

type Change = (bytes: Buffer, random: Random, others: readonly Uint8Array[]) => Buffer;

const changes: readonly Change[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.once(2) ? random.pick(interesting) : random.below(256);
    return bytes;
  },
  function setNumber(bytes, random) {
    const number = Buffer.alloc(8);
    if (random.once(2)) number.writeBigUInt64LE(BigInt.asUintN(64, random.pick(extremes)));
    else number.writeBigUInt64BE(BigInt.asUintN(64, random.pick(extremes)));
    const width = random.pick([2, 4, 8]);
    const first = random.once(2) ? number.subarray(0, width) : number.subarray(8 - width);
    first.copy(bytes, random.below(bytes.length));
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function remove(bytes, random) {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  function duplicate(bytes, random) {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    const added = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  function splice(bytes, random, others) {
    const other = random.pick(others);
    const at = random.below(Math.min(bytes.length, other.length) + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)]);
  },
  function replaceDigits(bytes, random) {
    const from = bytes.findIndex(
      (byte, i) => byte >= 0x30 && byte <= 0x39 && (i === bytes.length - 1 || random.once(4)),
    );
    if (from === -1) return bytes;
    let to = from;
    while (to < bytes.length && (bytes[to] as number) >= 0x30 && (bytes[to] as number) <= 0x39) to++;
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(random.pick(digits)), bytes.subarray(to)]);
  },
];

/** One of `seeds`, changed up to six times. */
export function changedBytes(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes: Buffer = Buffer.from(random.pick(seeds));
  for (let left = 1 + random.below(6); left > 0; left--) bytes = random.pick(changes)(bytes, random, seeds);
  return bytes;
}

function range(bytes: Buffer, random: Random): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + random.below(64))];
}
