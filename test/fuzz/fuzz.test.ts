import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.js";
import { targets } from "./targets/index.js";

// The quick version of `npm run fuzz`, which runs a million cases a target.
describe("whatever comes from outside is read, or refused with an error that says why", () => {
  it.each(targets.map((target) => [target.name, target] as const))("%s", async (_, target) => {
    const cases = target.quickCases ?? 20_000;
    const result = await fuzz(target, { cases, seed: 1 });
    expect(result.accepted).toBeGreaterThan(0);
    expect(result.accepted).toBeLessThan(cases);
  });
});
