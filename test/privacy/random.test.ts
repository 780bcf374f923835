import { createCipheriv, hkdfSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadBinding } from "../../src/native/load.js";
import { RandomKeys, type RandomPurpose, RandomStream, SessionRandom } from "../../src/privacy/random.js";

const purposes: RandomPurpose[] = ["noise", "sampling", "dropout", "initialisation", "shuffle", "augmentation", "mask"];
const { keystream } = loadBinding();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("RandomKeys", () => {
  it("are HKDF-SHA256 of the master key, by purpose and index", () => {
    const expected = hkdfSync("sha256", Buffer.from("hushgrad seed 7"), "hushgrad/1", "noise/3", 32);
    expect(hex(new RandomKeys(7).key("noise", 3))).toBe(hex(new Uint8Array(expected)));
  });

  it("differ by purpose, index and seed", () => {
    const keys = [0, 1].flatMap((seed) =>
      purposes.flatMap((purpose) => [0, 1, 2].map((index) => hex(new RandomKeys(seed).key(purpose, index)))),
    );
    expect(new Set(keys).size).toBe(2 * purposes.length * 3);
  });

  it("repeat with a seed and only with a seed", () => {
    expect(hex(new RandomKeys(1).key("noise"))).toBe(hex(new RandomKeys(1).key("noise")));
    expect(hex(new RandomKeys().key("noise"))).not.toBe(hex(new RandomKeys().key("noise")));
    expect(new RandomKeys(1).seeded).toBe(true);
    expect(new RandomKeys().seeded).toBe(false);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("refuse the seed %s", (seed) => {
    expect(() => new RandomKeys(seed)).toThrow(/seed must be an integer ≥ 0/);
  });
});

describe("RandomStream", () => {
  const key = new Uint8Array(32).fill(5);

  it("is the keystream of AES-256-CTR, in any portions", () => {
    const count = 10_000;
    const keystream = createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(4 * count));
    const expected = new Uint32Array(new Uint8Array(keystream).buffer);
    const stream = new RandomStream(key);
    const words = new Uint32Array(count);
    words[0] = stream.uint32();
    stream.fill(words.subarray(1, 5));
    stream.fill(words.subarray(5, 5));
    stream.fill(words.subarray(5, 9000));
    stream.fill(words.subarray(9000, count));
    expect(words).toEqual(expected);
  });

  it("gives the same words where native code fills one buffer", () => {
    const [native, node] = [new RandomStream(key, keystream), new RandomStream(key)];
    for (let i = 0; i < 20_000; i++) expect(native.uint32()).toBe(node.uint32());
    const far = new Uint32Array(8);
    keystream(key, 2 ** 33, far);
    const counter = Buffer.alloc(16);
    counter.writeBigUInt64BE(2n ** 33n, 8);
    const expected = createCipheriv("aes-256-ctr", key, counter).update(new Uint8Array(32));
    expect(hex(new Uint8Array(far.buffer))).toBe(hex(expected));
  });

  it("refuses a key of another length", () => {
    expect(() => new RandomStream(new Uint8Array(16))).toThrow(/key length/);
  });

  it("gives 53-bit uniforms with the right moments", () => {
    const stream = new RandomKeys(11).stream("sampling");
    const count = 200_000;
    let sum = 0;
    let squares = 0;
    let odd = 0;
    let outside = 0;
    for (let i = 0; i < count; i++) {
      const u = stream.uniform();
      if (u < 0 || u >= 1) outside += 1;
      sum += u;
      squares += u * u;
      odd += (u * 2 ** 53) % 2;
    }
    expect(outside).toBe(0);
    const deviations = (value: number, mean: number, variance: number) =>
      Math.abs(value / count - mean) / Math.sqrt(variance / count);
    expect(deviations(sum, 1 / 2, 1 / 12)).toBeLessThan(5);
    expect(deviations(squares, 1 / 3, 4 / 45)).toBeLessThan(5);
    expect(deviations(odd, 1 / 2, 1 / 4)).toBeLessThan(5);
  });

  it("gives Bernoulli variables: never at 0, always at 1, else as often as asked", () => {
    const stream = new RandomKeys(12).stream("sampling");
    const hits = (p: number, count: number) =>
      Array.from({ length: count }, () => stream.bernoulli(p)).filter(Boolean).length;
    expect(hits(0, 1000)).toBe(0);
    expect(hits(1, 1000)).toBe(1000);
    expect(Math.abs(hits(0.01, 100_000) - 1000)).toBeLessThan(5 * Math.sqrt(990));
    expect(() => stream.bernoulli(1.1)).toThrow(/probability/);
  });

  it("gives integers below a bound without bias", () => {
    const stream = new RandomKeys(13).stream("shuffle");
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) {
      const drawn = stream.integer(7);
      counts[drawn] = (counts[drawn] as number) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(30); // 6 degrees of freedom: p < 1e-4
    expect(stream.integer(1)).toBe(0);
    expect(() => stream.integer(0)).toThrow(/bound/);
  });

  it("gives normals with the right moments", () => {
    const stream = new RandomKeys(14).stream("initialisation");
    const count = 200_000;
    const moments = [0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
      const z = stream.normal();
      for (let k = 0; k < 4; k++) moments[k] = (moments[k] as number) + z ** (k + 1);
    }
    // Variances of z, z², z³, z⁴: 1, 2, 15, 96.
    [1, 2, 15, 96].forEach((variance, k) => {
      const mean = [0, 1, 0, 3][k] as number;
      expect(Math.abs((moments[k] as number) / count - mean) / Math.sqrt(variance / count)).toBeLessThan(5);
    });
  });
});

/** As hex. */
const keysOf = (random: SessionRandom) => {
  let noise = "";
  random.withNoiseKey((key) => {
    noise = hex(key);
  });
  const dropout = [1, 2, 3].map((step) => {
    let own = "";
    random.withDropoutKey(step, (key) => {
      own = hex(key);
    });
    return own;
  });
  return { noise, dropout };
};

describe("SessionRandom", () => {
  it("has keys of its own for noise, for dropout at every step and for initialisation", () => {
    const random = new SessionRandom(3);
    const { noise, dropout } = keysOf(random);
    expect(noise).toHaveLength(64);
    expect(dropout[0]).toHaveLength(16);
    expect(new Set([noise.slice(0, 16), ...dropout]).size).toBe(4);
    expect(random.initialisation(keystream).uniform()).toBe(new SessionRandom(3).initialisation(keystream).uniform());
  });

  it("renews its keys unless seeded", () => {
    const random = new SessionRandom();
    const before = keysOf(random).noise;
    expect(keysOf(random).noise).toBe(before);
    random.renew();
    expect(keysOf(random).noise).not.toBe(before);
    expect(() => new SessionRandom(1).renew()).toThrow(/seeded/);
  });
});
