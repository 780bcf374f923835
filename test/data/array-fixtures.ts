/** A scan of 9 × 14 pixels and its mask, and what PyTorch makes of them at other sizes: `scan-4x4`, `mask-4x4`, …. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readNpy } from "../../src/data/npy.js";

export const arrays = fileURLToPath(new URL("../fixtures/arrays", import.meta.url));

export const numbers = async (name: string) => Array.from((await readNpy(join(arrays, `${name}.npy`))).data, Number);

/** Heights and widths. */
export const sizes = [
  [4, 4],
  [9, 14],
  [5, 20],
  [20, 5],
  [1, 1],
  [23, 31],
] as const;
