/** What must not be drawn twice, and what was learnt: for tests of resumed runs. */
import { join } from "node:path";
import { vi } from "vitest";
import { readSafetensors } from "../../src/data/safetensors.js";
import { RandomKeys } from "../../src/privacy/random.js";

/** Tells of every key that is derived, in hexadecimal digits, until the spy is restored. */
export function spyOnKeys(told: (purpose: string, index: unknown, key: string) => void) {
  const { key } = RandomKeys.prototype;
  return vi.spyOn(RandomKeys.prototype, "key").mockImplementation(function recorded(this: RandomKeys, ...args) {
    const made = key.apply(this, args);
    told(args[0], args[1], Buffer.from(made).toString("hex"));
    return made;
  });
}

/** Of a run's model. */
export function weightsIn(out: string): number[] {
  const { tensors } = readSafetensors(join(out, "checkpoint.safetensors"));
  return [...tensors.values()].flatMap(({ values }) => [...values]);
}
