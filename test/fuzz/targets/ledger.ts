/** Ledgers. Most are sealed anew after their change, as someone who writes a ledger would. */
import {
  charges,
  type LedgerBody,
  LedgerError,
  type LedgerMark,
  parseLedger,
  sealEntry,
} from "../../../src/privacy/ledger.js";
import { composeLedgers } from "../../../src/privacy/ledger-compose.js";
import { chain, end, reserve, resumed, row, settle, startOf } from "../../training/ledgers.js";
import { changedBytes } from "../bytes.js";
import { defineTarget, promise } from "../fuzz.js";
import { JsonSeeds } from "../json.js";
import type { Random } from "../random.js";

const cyclic = { ...row(12), cycle: 4, phase: 1, failure: 1e-9, discreteCoordinates: 10 };
const bodies: readonly (readonly LedgerBody[])[] = [
  [startOf("a"), reserve(20), reserve(20), settle(30), end("interrupted"), resumed("b"), reserve(5), end("finished")],
  [startOf("c", { mechanisms: [cyclic], relation: "zero-out" }), { kind: "reserve", step: 0, mechanisms: [cyclic] }],
];
const seeds = new JsonSeeds(bodies);
const texts = bodies.map((list) => Buffer.from(chain(...list)));

/** A chain whose every seal is right. */
function sealed(random: Random): string {
  const value = seeds.value(random);
  let last: LedgerMark | undefined;
  const lines = (Array.isArray(value) ? value : [value]).map((body) => {
    const plain = JSON.parse(JSON.stringify(body, (_, part) => (typeof part === "bigint" ? 1 : part)) ?? "null");
    const { line, ...mark } = sealEntry(plain as LedgerBody, last);
    last = mark;
    return line;
  });
  const text = lines.join("");
  return random.once(4) ? text.slice(0, -1 - random.below(300)) : text;
}

export const ledger = defineTarget({
  name: "ledger",
  errors: [LedgerError],
  make: (random) => (random.once(3) ? Buffer.from(changedBytes(random, texts)).toString("utf8") : sealed(random)),
  run(text) {
    const parsed = parseLedger(text, "l");
    const reserved = charges(parsed).reduce((sum, { kept }) => sum + kept, 0);
    const { steps, mechanisms } = composeLedgers([parsed]);
    promise(Number.isSafeInteger(steps) && steps === reserved, `counts ${steps} steps of ${reserved}`);
    promise(
      mechanisms.every(({ noiseMultiplier }) => noiseMultiplier >= 0),
      "noise that is no number",
    );
  },
  quickCases: 10_000,
});
