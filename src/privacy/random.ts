/**
 * Random numbers of a run: one 256-bit master key, and from it by HKDF-SHA256 (RFC 5869) a key for every purpose, so
 * that noise, sampling and everything else never share a value. Streams are AES-256 in counter mode.
 *
 * ```ts
 * const keys = new RandomKeys();                 // from the operating system: private
 * const sampling = keys.stream("sampling");
 * const noiseKey = keys.key("noise");
 * ```
 *
 * **Guarantee.** Without a seed the master key is 32 bytes of the operating system's cryptographic generator. With a
 * seed everything can be repeated by anyone who guesses the seed: such a run is not private, and must be marked so.
 */
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { checkFunction, checkKind } from "../arguments.js";
import { checkNumber } from "./check.js";

/** What random numbers are for; each purpose has keys of its own. */
export type RandomPurpose =
  | "noise"
  | "sampling"
  | "dropout"
  | "initialisation"
  | "shuffle"
  | "augmentation"
  | "mask"
  | "counts"
  | "audit";

const KEY_BYTES = 32;
const wholeNumber = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true } as const;

export class RandomKeys {
  /** Whether a seed was given: reproducible, and not private. */
  readonly seeded: boolean;
  // Hidden from console.log() and JSON too, as `private` is not.
  readonly #master: Uint8Array;
  #wiped = false;

  /** @param seed a whole number ≥ 0 that makes the run reproducible and not private; absent: keys from the system. */
  constructor(seed?: number) {
    this.seeded = seed !== undefined;
    if (seed !== undefined) checkNumber("seed", seed, wholeNumber);
    this.#master = seed === undefined ? randomBytes(KEY_BYTES) : Buffer.from(`hushgrad seed ${seed}`);
  }

  /** The key of a purpose: `bytes` long, at most 8,160. `index` tells keys of one purpose apart: a step, a worker. */
  key(purpose: RandomPurpose, index = 0, bytes = KEY_BYTES): Uint8Array {
    checkNumber("index", index, wholeNumber);
    checkNumber("bytes", bytes, { min: 1, max: 8160, integer: true });
    return new Uint8Array(hkdfSync("sha256", this.#requireMaster(), "hushgrad/1", `${purpose}/${index}`, bytes));
  }

  /** A stream of random numbers of a purpose; the same arguments give the same stream from its start. */
  stream(purpose: RandomPurpose, index = 0, keystream?: Keystream): RandomStream {
    const key = this.key(purpose, index);
    const stream = new RandomStream(key, keystream);
    if (!keystream) key.fill(0); // the cipher has its own copy
    return stream;
  }

  /** Hands the key of a purpose to `use`, which must not keep it: it is overwritten afterwards. */
  withKey<T>(purpose: RandomPurpose, use: (key: Uint8Array) => T, index = 0, bytes = KEY_BYTES): T {
    checkFunction("use", use);
    const key = this.key(purpose, index, bytes);
    try {
      return use(key);
    } finally {
      key.fill(0);
    }
  }

  /** Overwrites the master key; nothing can be drawn from it any more. Streams that were made go on. */
  wipe(): void {
    this.#master.fill(0);
    this.#wiped = true;
  }

  #requireMaster(): Uint8Array {
    if (this.#wiped) throw new Error("random keys were asked for after they had been wiped");
    return this.#master;
  }
}

/** Words drawn from the cipher at a time. */
const BLOCK_WORDS = 4096;
const zeros = new Uint8Array(4 * BLOCK_WORDS);

/** Overwrites `words` with a key's AES-256-CTR keystream from its 16-byte block `block` on. */
export type Keystream = (key: Uint8Array, block: number, words: Uint32Array) => void;

/** Cryptographic random numbers: the keystream of AES-256-CTR under a key that nothing else may use. */
export class RandomStream {
  private readonly next: () => Uint32Array;
  #words: Uint32Array = new Uint32Array(0);
  private position = 0;
  #spareNormal: number | undefined;

  /**
   * @param key 32 bytes.
   * @param keystream where the words come from; default: Node's cipher, whose every block is a new buffer for the
   *   garbage collector. The words are the same.
   */
  constructor(key: Uint8Array, keystream?: Keystream) {
    checkKind("key", key, Uint8Array);
    if (keystream !== undefined) checkFunction("keystream", keystream);
    checkNumber("key length", key.byteLength, { min: KEY_BYTES, max: KEY_BYTES, integer: true });
    this.next = keystream ? blocksOf(key, keystream) : cipherBlocks(key);
  }

  /** Overwrites every element with fresh uniform 32-bit words. */
  fill(words: Uint32Array): void {
    checkKind("words", words, Uint32Array);
    for (let done = 0; done < words.length; ) {
      if (this.position === this.#words.length) this.refill();
      const count = Math.min(words.length - done, this.#words.length - this.position);
      words.set(this.#words.subarray(this.position, this.position + count), done);
      this.position += count;
      done += count;
    }
  }

  /** A uniform integer in [0, 2³²). */
  uint32(): number {
    if (this.position === this.#words.length) this.refill();
    return this.#words[this.position++] as number;
  }

  /** A uniform multiple of 2⁻⁵³ in [0, 1). */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** True with the given probability, of which 53 bits count. @throws RangeError outside [0, 1]. */
  bernoulli(probability: number): boolean {
    checkNumber("probability", probability, { min: 0, max: 1 });
    return this.uniform() < probability;
  }

  /** A uniform integer in [0, bound), without bias. `bound`: an integer in [1, 2³²]. */
  integer(bound: number): number {
    checkNumber("bound", bound, { min: 1, max: 2 ** 32, integer: true });
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % bound;
    }
  }

  /**
   * A standard normal (Box–Muller in float64), for initialisation, data and (unless noise is discrete) the counts of
   * adaptive clipping; the noise of the gradients is native.
   */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  private refill(): void {
    this.#words = this.next();
    this.position = 0;
  }
}

/** One block of words, overwritten again and again. */
function blocksOf(key: Uint8Array, keystream: Keystream): () => Uint32Array {
  const words = new Uint32Array(BLOCK_WORDS);
  let block = 0;
  return () => {
    keystream(key, block, words);
    block += words.byteLength / 16;
    return words;
  };
}

function cipherBlocks(key: Uint8Array): () => Uint32Array {
  const cipher = createCipheriv("aes-256-ctr", key, new Uint8Array(16));
  return () => {
    const bytes = cipher.update(zeros);
    // A copy where the cipher's output does not start at a whole word of its buffer.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Uint32Array(aligned.buffer, aligned.byteOffset, BLOCK_WORDS);
  };
}

/** What one session draws on: its noise, its masks, its first parameters. */
export class SessionRandom {
  private keys: RandomKeys;

  constructor(seed?: number) {
    this.keys = new RandomKeys(seed);
  }

  /** Hands over 32 bytes, used for noise alone; they are overwritten when `use` returns. */
  withNoiseKey(use: (key: Uint8Array) => void): void {
    this.keys.withKey("noise", use);
  }

  /** Hands over 8 bytes, another key for every step; they are overwritten when `use` returns. */
  withDropoutKey(step: number, use: (key: Uint8Array) => void): void {
    this.keys.withKey("dropout", use, step, 8);
  }

  initialisation(keystream: Keystream): RandomStream {
    return this.keys.stream("initialisation", 0, keystream);
  }

  /** Noise on a step's counts of norms, and on nothing else; another stream for every step. */
  countNoise(step: number): RandomStream {
    return this.keys.stream("counts", step);
  }

  /** The same as 32 bytes, where the noise is drawn by native code; they are overwritten when `use` returns. */
  withCountKey(step: number, use: (key: Uint8Array) => void): void {
    this.keys.withKey("counts", use, step);
  }

  /** 32 bytes of random sparsification; public, and used for nothing else. */
  maskKey(): Uint8Array {
    return this.keys.key("mask");
  }

  /** Fresh keys, so that going back to an earlier step uses no value twice. A seeded session repeats by design. */
  renew(): void {
    if (this.keys.seeded) throw new Error("a seeded session cannot take fresh keys: it is to repeat what it drew");
    this.keys.wipe();
    this.keys = new RandomKeys();
  }

  /** Overwrites the keys: nothing is drawn any more. */
  wipe(): void {
    this.keys.wipe();
  }
}
