import { configDefaults, defineConfig } from "vitest/config";

// Slow tests (*.slow.test.ts: packaging, long runs) are part of `npm test` and CI; `npm run test:unit` leaves them out.
const slow = process.env.HUSHGRAD_SLOW === "1" || Boolean(process.env.CI);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(slow ? [] : ["test/**/*.slow.test.ts"])],
    // A process a file: an addon that crashes takes one file with it, and memory measurements stand alone.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
