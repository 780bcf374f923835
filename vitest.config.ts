import { configDefaults, defineConfig } from "vitest/config";

// Slow tests (*.slow.test.ts: packaging, long runs) run with HUSHGRAD_SLOW=1, one file after the other, for they compile
// or measure memory. `npm test` runs both kinds, `npm run test:unit` the quick ones.
const slow = process.env.HUSHGRAD_SLOW === "1";
const slowFiles = "test/**/*.slow.test.ts";

export default defineConfig({
  test: {
    include: [slow ? slowFiles : "test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(slow ? [] : [slowFiles])],
    // A process a file: an addon that crashes takes one file with it, and memory measurements stand alone.
    pool: "forks",
    maxWorkers: 2,
    fileParallelism: !slow,
    testTimeout: slow ? 1_200_000 : 180_000,
    hookTimeout: slow ? 1_200_000 : 180_000,
  },
});
