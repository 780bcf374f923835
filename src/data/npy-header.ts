/**
 * The header of .npy files, a Python dict such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`
 * (numpy/lib/format.py). Nothing is evaluated: a string, True, False and a tuple of whole numbers are all there is.
 */

/** What the dict says, not checked against anything yet. */
export interface NpyHeader {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** NumPy's own bound. */
const MOST_DIMENSIONS = 64;

const readers = { descr: readString, fortran_order: readBoolean, shape: readTuple } as const;
type Key = keyof typeof readers;

/** Parses the dict. Throws an Error that says where in `text` what is expected. */
export function parseNpyHeader(text: string): NpyHeader {
  const scanner = new Scanner(text);
  const found = new Map<Key, string | boolean | number[]>();
  scanner.expect(/\{/y, "'{'");
  while (!scanner.accept(/\}/y)) {
    const key = readString(scanner);
    if (!Object.hasOwn(readers, key) || found.has(key as Key)) {
      throw new Error(`${found.has(key as Key) ? "repeats" : "has an unknown"} key ${JSON.stringify(key)}`);
    }
    scanner.expect(/:/y, "':'");
    found.set(key as Key, readers[key as Key](scanner));
    if (scanner.accept(/,/y)) continue;
    scanner.expect(/\}/y, "',' or '}'");
    break;
  }
  scanner.expect(/$/y, "the end");
  for (const key of Object.keys(readers) as Key[]) if (!found.has(key)) throw new Error(`has no key '${key}'`);
  return {
    descr: found.get("descr") as string,
    fortranOrder: found.get("fortran_order") as boolean,
    shape: found.get("shape") as number[],
  };
}

/** No escapes: no key and no element type that is read has one. */
function readString(scanner: Scanner): string {
  const quoted = scanner.expect(/'[^'\\]*'|"[^"\\]*"/y, "a string (records of several fields are not read)");
  return quoted.slice(1, -1);
}

function readBoolean(scanner: Scanner): boolean {
  return scanner.expect(/True|False/y, "True or False") === "True";
}

/** `()`, `(3,)`, `(3, 4)`; Python 2 wrote `3L`. */
function readTuple(scanner: Scanner): number[] {
  const lengths: number[] = [];
  scanner.expect(/\(/y, "'('");
  while (!scanner.accept(/\)/y)) {
    const length = Number.parseInt(scanner.expect(/\d{1,16}L?(?!\w)/y, "a whole number"), 10);
    if (lengths.push(length) > MOST_DIMENSIONS) throw new Error(`has more than ${MOST_DIMENSIONS} dimensions`);
    if (scanner.accept(/,/y)) continue;
    scanner.expect(/\)/y, "',' or ')'");
    if (lengths.length === 1) throw new Error(`has the shape (${length}), which is no tuple`);
    break;
  }
  return lengths;
}

/** Takes one token after the other, blanks between them skipped. Patterns are sticky. */
class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  accept(pattern: RegExp): string | undefined {
    this.skipBlanks();
    pattern.lastIndex = this.at;
    const [token] = pattern.exec(this.text) ?? [];
    this.at += token?.length ?? 0;
    return token;
  }

  expect(pattern: RegExp, what: string): string {
    const token = this.accept(pattern);
    if (token !== undefined) return token;
    const rest = JSON.stringify(this.text.slice(this.at, this.at + 12));
    throw new Error(`has ${rest} at character ${this.at}, ${what} expected`);
  }

  private skipBlanks(): void {
    while (" \t\n\r".includes(this.text.charAt(this.at)) && this.at < this.text.length) this.at++;
  }
}
