/** Products of square matrices, the same one on every core. */
import { loadBinding } from "../../src/native/load.js";
import { gemmContender } from "../lib/kernels.js";
import { runSuite } from "./run-suite.js";

/** Powers of two have a leading dimension that caches dislike: beside their neighbours, to show by how much. */
const SIZES = [64, 240, 256, 480, 512, 720];

export async function gemmSuite(): Promise<void> {
  const { cores } = loadBinding().info();
  const cases = SIZES.map((n) => ({
    contender: { ...gemmContender(n), name: `${n} × ${n}` },
    rate: (seconds: number) => `${((cores * 2 * n ** 3) / seconds / 1e9).toFixed(0)} GFLOP/s`,
  }));
  await runSuite("gemm", cases);
}
