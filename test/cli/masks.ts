/** Pictures of 16×16 in .npy files whose bright half is class 1, and a grid that learns to find it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SIDE = 16;

/** Writes 20 training and 3 test pictures, the first of which has one class alone. Gives the grid's path. */
export function writeMasks(folder: string): string {
  for (const [split, count] of [
    ["train", 20],
    ["test", 3],
  ] as const) {
    for (const part of ["images", "masks"]) mkdirSync(join(folder, "data", split, part), { recursive: true });
    for (let i = 0; i < count; i++) {
      const isBright = (at: number) => i > 0 && at % SIDE >= SIDE / 2;
      const write = (part: string, value: (at: number) => number) =>
        writeFileSync(join(folder, "data", split, part, `${String(i).padStart(2, "0")}.npy`), npy(value));
      write("images", (at) => (isBright(at) ? 200 : 20) + ((at * 7 + i) % 30));
      write("masks", (at) => Number(isBright(at)));
    }
  }
  const grid = {
    base: {
      model: {
        inputShape: [1, SIDE, SIDE],
        layers: [{ type: "conv2d", outChannels: 2, kernelSize: 3, padding: 1 }, { type: "channelsLast" }],
      },
      data: { format: "segmentation-folder", folder: "data", size: SIDE, channels: 1 },
      loss: { type: "diceCrossEntropy" },
      optimizer: { type: "adam", learningRate: 0.05 },
      privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: 20 },
      batchSize: 10,
      epochs: 3,
      threads: 1,
    },
    variants: { plain: { strategy: "none", privacy: null }, private: {} },
    grid: { "privacy.noiseMultiplier": [1, 4] },
  };
  const path = join(folder, "masks.grid.json");
  writeFileSync(path, JSON.stringify(grid));
  return path;
}

/** [SIDE, SIDE] of uint8. */
function npy(value: (at: number) => number): Uint8Array {
  const dict = `{'descr': '|u1', 'fortran_order': False, 'shape': (${SIDE}, ${SIDE}), }`;
  const header = `${dict.padEnd(117)}\n`;
  const length = Buffer.from([header.length & 255, header.length >> 8]);
  const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => value(at));
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), length, Buffer.from(header), pixels]);
}
