/**
 * Buffers and kernels on a GPU; without one, the same on the CPU's stand-in for the CUDA library, where the native tests
 * have been built, and what must be refused and how it says so.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  clipAndSum,
  deviceBuffer,
  deviceMask,
  deviceStatus,
  packMask,
  perExampleNorms,
  privatize,
  sparsify,
} from "../../src/kernels/device.js";
import { packageRoot } from "../../src/native/load.js";
import { adam, sgd } from "../../src/optimizers/index.js";
import { binaryPath } from "../native/binding-path.js";

const standIn = join(packageRoot(), "build", "native-tests", "libhushgrad_cuda_host.so");
if (!existsSync("/dev/nvidiactl") && existsSync(standIn)) process.env.HUSHGRAD_CUDA_LIBRARY ??= standIn;

const status = deviceStatus();
// biome-ignore lint/suspicious/noExplicitAny: wrong types are what is tested
const wrong = (value: unknown): any => value;

describe("without a GPU or with one", () => {
  test("the status says what there is, or why there is nothing", () => {
    expect(status.device === null).toBe(status.problem !== "");
    if (status.library === "") expect(status.problem).toContain("built without CUDA");
  });

  test.each([
    ["that is not there", join("no", "such", "library.so"), /no\/such\/library\.so/],
    ["that is another one", binaryPath, /hushgradCudaApi/],
  ])("a library %s is a problem, and no more", (_, library, problem) => {
    const script = "console.log(JSON.stringify(require(process.argv[1]).device.status()))";
    const env = { ...process.env, HUSHGRAD_CUDA_LIBRARY: library };
    const found = JSON.parse(execFileSync(process.execPath, ["-e", script, binaryPath], { env, encoding: "utf8" }));
    expect(found).toMatchObject({ library, device: null, problem: expect.stringMatching(problem) });
  });

  test("masks are packed to bits", () => {
    const kept = Uint8Array.from({ length: 71 }, (_, i) => (i * i + (i >> 3)) % 3);
    const words = packMask(kept);
    expect(words).toHaveLength(3);
    kept.forEach((byte, i) => {
      expect(((words[i >>> 5] as number) >>> (i & 31)) & 1).toBe(byte === 0 ? 0 : 1);
    });
    expect((words[2] as number) >>> 7).toBe(0);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["columns of 0", () => deviceBuffer({ columns: 0 }), /columns must be an integer in \[1, .*got 0/],
    ["half a row", () => deviceBuffer({ rows: 0.5, columns: 1 }), /rows must be an integer.*got 0.5/],
    ["a mask of numbers", () => packMask(wrong([1, 0])), /mask: got .*expected a Uint8Array/],
    ["an empty mask", () => packMask(new Uint8Array(0)), /mask: got no bytes/],
    ["an array as gradients", () => perExampleNorms(wrong(new Float32Array(3))), /gradients: got .*device buffer/],
    [
      "a threshold of 0",
      () => clipAndSum(wrong(null), wrong(null), { threshold: 0 }),
      /clipping.threshold must be a number in \[1e-20, 1e20\], got 0/,
    ],
    ["no optimizer", () => privatize(wrong(null), wrong({})), /optimizer: got nothing|optimizer: got undefined/],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });

  test.skipIf(status.device !== null)("a buffer without a GPU is refused with the reason", () => {
    expect(() => deviceBuffer({ columns: 4 })).toThrow(`no GPU: ${status.problem}`);
  });
});

describe.skipIf(status.device === null)("on a GPU", () => {
  const [rows, columns] = [7, 1037];
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 12.9898) * 3);

  test("clips and sums as float64 does, and leaves NaN out", () => {
    const given = values.slice();
    given[2 * columns + 5] = Number.NaN;
    using gradients = deviceBuffer({ rows, columns });
    using sum = deviceBuffer({ columns });
    gradients.upload(given);
    expect(clipAndSum(gradients, sum, { threshold: 0.5 }).sensitivity).toBe(0.5);
    const norms = perExampleNorms(gradients);
    const expected = new Float64Array(columns);
    for (let b = 0; b < rows; b++) {
      const row = given.subarray(b * columns, (b + 1) * columns);
      const square = row.reduce((total, value) => total + value * value, 0);
      if (Number.isNaN(square)) {
        expect(norms[b]).toBeNaN();
        continue;
      }
      expect((norms[b] as number) / square).toBeCloseTo(1, 12);
      const factor = Math.min(1, 0.5 / Math.sqrt(square));
      row.forEach((value, c) => {
        expected[c] = (expected[c] as number) + factor * value;
      });
    }
    (sum.download() as Float32Array).forEach((value, c) => {
      expect(value).toBeCloseTo(expected[c] as number, 5);
    });
  });

  test("sparsifies", () => {
    const kept = Uint8Array.from({ length: columns }, (_, c) => c % 3);
    using gradients = deviceBuffer({ rows, columns });
    using mask = deviceMask(kept);
    gradients.upload(values);
    sparsify(gradients, { mask });
    expect(gradients.download()).toEqual(values.map((value, i) => (kept[i % columns] === 0 ? 0 : value)));
  });

  test("adds noise of deviation σS, a fresh one each call, none without σ", () => {
    const count = 100_000;
    using sum = deviceBuffer({ columns: count });
    using parameters = deviceBuffer({ columns: count });
    const step = { parameters, step: 1, sensitivity: 2, normalizer: 4, optimizer: sgd({ learningRate: 1 }) };
    expect(privatize(sum, { ...step, noiseMultiplier: 0 }).private).toBe(false);
    expect((parameters.download() as Float32Array).every((value) => value === 0)).toBe(true);
    expect(privatize(sum, { ...step, noiseMultiplier: 3 }).private).toBe(true);
    const once = parameters.download() as Float32Array;
    const deviation = Math.sqrt(once.reduce((total, value) => total + value * value, 0) / count);
    expect(Math.abs((deviation / (3 * 2)) * 4 - 1)).toBeLessThan(0.02);
    privatize(sum, { ...step, noiseMultiplier: 3 });
    const twice = parameters.download() as Float32Array;
    const same = once.filter((value, i) => Math.abs((twice[i] as number) - 2 * value) < 1e-6 * Math.abs(value));
    expect(same.length).toBeLessThan(10);
  });

  test("buffers that were disposed of, that do not fit or are too few, are refused", () => {
    using sum = deviceBuffer({ columns: 5 });
    using parameters = deviceBuffer({ columns: 5 });
    const step = { parameters, step: 1, sensitivity: 1, normalizer: 1, noiseMultiplier: 1 };
    expect(() => privatize(sum, { ...step, optimizer: adam({ learningRate: 1 }) })).toThrow(/state: got an array of 0/);
    expect(() => sum.upload(new Float32Array(4))).toThrow(/values: got Float32Array of 4, expected Float32Array of 5/);
    const gone = deviceBuffer({ columns: 5 });
    gone.dispose();
    gone.dispose();
    expect(() => gone.download()).toThrow(/disposed of/);
  });
});
