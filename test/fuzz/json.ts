/** Changes to JSON values that keep them JSON: what is wrong with them, a schema must see, and not the parser. */
import { changedBytes } from "./bytes.js";
import type { Random } from "./random.js";

type Container = Record<string | number, unknown>;

const numbers = [
  0,
  -0,
  1,
  -1,
  2,
  3,
  0.5,
  1e-320,
  1e-9,
  1e9,
  1e20,
  1e308,
  -1e308,
  255,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
];
const texts = [
  "",
  " ",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "\0",
  "\ud800",
  "../../x",
  "a.b.c",
  "1e999",
  "-1",
  "NaN",
  "{}",
  "x".repeat(2000),
  "0".repeat(400),
];

/** Values of a kind of file, and what their changes are made of. */
export class JsonSeeds {
  private readonly keys: readonly string[];
  private readonly parts: readonly unknown[];

  constructor(private readonly seeds: readonly unknown[]) {
    const places = seeds.flatMap((seed) => placesOf({ seed }));
    this.keys = [...new Set([...places.flatMap(({ key }) => (typeof key === "string" ? key : [])), ...texts])];
    this.parts = places.map(({ parent, key }) => parent[key]);
  }

  /** A seed, changed up to five times. Beside what JSON holds, it may hold what a program passes. */
  value(random: Random): unknown {
    const root: Container = { seed: structuredClone(random.pick(this.seeds)) };
    for (let left = 1 + random.below(5); left > 0; left--) this.change(root, random);
    return root.seed;
  }

  /** A seed as text, whose bytes were changed. */
  text(random: Random): string {
    const bytes = Buffer.from(JSON.stringify(random.pick(this.seeds)));
    return Buffer.from(changedBytes(random, [bytes])).toString("utf8");
  }

  private change(root: Container, random: Random): void {
    const { parent, key } = random.pick(placesOf(root));
    const target = parent[key];
    switch (random.below(7)) {
      case 0:
        if (parent !== root) remove(parent, key);
        return;
      case 1:
        if (isContainer(target)) put(target, random.pick(this.keys), this.part(random));
        return;
      case 2:
        if (Array.isArray(target)) target.push(...target.slice(0, 1 + random.below(20)));
        return;
      case 3:
        put(parent, key, structuredClone(random.pick(this.parts)));
        return;
      case 4:
        put(
          parent,
          key,
          typeof target === "number" ? random.pick([-target, target * 1e6, target / 3, target + 1]) : null,
        );
        return;
      default:
        put(parent, key, this.part(random));
    }
  }

  private part(random: Random): unknown {
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2:
        return random.pick(numbers);
      case 3:
      case 4:
        return random.pick(texts);
      case 5:
        return structuredClone(random.pick(this.parts));
      case 6:
        return random.pick([
          null,
          true,
          false,
          [],
          {},
          [[]],
          [{}],
          undefined,
          Number.NaN,
          Number.POSITIVE_INFINITY,
          1n,
        ]);
      case 7:
        return random.once(200) ? nested(random.pick([100, 1000]), random.once(2)) : [random.pick(numbers)];
      case 8:
        return random.once(200) ? Array.from({ length: 20_000 }, () => random.pick(numbers)) : [random.pick(texts)];
      default:
        return random.pick(this.keys);
    }
  }
}

function nested(depth: number, inLists: boolean): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = inLists ? [value] : { a: value };
  return value;
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Where values stand, down to a depth and a number that keep a change cheap. */
function placesOf(root: Container): { parent: Container; key: string | number }[] {
  const found: { parent: Container; key: string | number }[] = [];
  const open: Container[] = [root];
  for (let next = open.pop(); next !== undefined && found.length < 500; next = open.pop()) {
    for (const key of Object.keys(next).slice(0, 50)) {
      const value = next[key];
      found.push({ parent: next, key: Array.isArray(next) ? Number(key) : key });
      if (isContainer(value)) open.push(value);
    }
  }
  return found;
}

/** As JSON.parse would: a key `__proto__` is a key like any other. */
function put(parent: Container, key: string | number, value: unknown): void {
  if (Array.isArray(parent) && typeof key === "string") {
    parent.push(value);
    return;
  }
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

function remove(parent: Container, key: string | number): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}
