/** Contenders of the kernel suites alone; those over ready gradients are in src/bench/gradient-kernels.ts. */
import { totalmem } from "node:os";
import { milliseconds, randomFloats, requireClose } from "../../src/bench/gradient-kernels.js";
import type { Contender } from "../../src/bench/interleave.js";
import { loadBinding } from "../../src/native/load.js";

/** Values that no cache holds: 512 MB, less on a machine with little memory. */
export function beyondCache(): Float32Array {
  const bytes = Math.min(512 * 2 ** 20, totalmem() / 8);
  return randomFloats(2 ** Math.floor(Math.log2(bytes / 4)));
}

/** a·b of n × n matrices on every core, one step a product. @throws Error where it is wrong. */
export function gemmContender(n: number): Contender {
  const [a, b] = [randomFloats(n * n, 1), randomFloats(n * n, 2)];
  requireClose("gemm", loadBinding().kernels.gemm(a, b, n, 1).product, productOf(a, b, n));
  return { name: "gemm", run: async (steps) => milliseconds(loadBinding().kernels.gemm(a, b, n, steps).seconds) };
}

/** `count` Gaussian samples on every core together, one step a draw. @throws Error where they are not the reference's. */
export function normalsContender(mode: "engine" | "naive", count: number): Contender {
  const { kernels } = loadBinding();
  const { samples } = kernels.normals("naive", 1, 1);
  requireClose("normals", kernels.normals(mode, 1, 1).samples, Float64Array.from(samples));
  return { name: mode, run: async (steps) => milliseconds(kernels.normals(mode, count, steps).seconds) };
}

function productOf(a: Float32Array, b: Float32Array, n: number): Float64Array {
  const product = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    const target = product.subarray(row * n, (row + 1) * n);
    for (let k = 0; k < n; k++) {
      const factor = a[row * n + k] ?? 0;
      for (let column = 0; column < n; column++)
        target[column] = (target[column] ?? 0) + factor * (b[k * n + column] ?? 0);
    }
  }
  return product;
}
