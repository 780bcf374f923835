/** Clipping of gradients that lie on the GPU, beside norms alone, which only read them; says so where there is no GPU. */
import { callContender, clippedReference, randomFloats, requireClose } from "../../src/bench/gradient-kernels.js";
import { interleave } from "../../src/bench/interleave.js";
import {
  clipAndSum,
  type DeviceBuffer,
  deviceBuffer,
  deviceStatus,
  perExampleNorms,
  synchronize,
} from "../../src/kernels/device.js";
import { gigabytes, runSuite } from "./run-suite.js";

const ELEMENTS = 2 ** 28;
const COLUMNS = [2 ** 14, 2 ** 18, 2 ** 22, 2 ** 25];
const PACE = { rounds: 9, slotMs: 20 };

export async function cudaSuite(): Promise<void> {
  const { device, problem } = deviceStatus();
  if (device === null) {
    process.stdout.write(`cuda: no GPU here (${problem})\n\n`);
    return;
  }
  requireClips();
  const values = randomFloats(ELEMENTS);
  for (const columns of COLUMNS) await clipRowsOf(device.name, values, columns);
}

async function clipRowsOf(device: string, values: Float32Array, columns: number): Promise<void> {
  using gradients = deviceBuffer({ rows: ELEMENTS / columns, columns });
  using sum = deviceBuffer({ columns });
  gradients.upload(values);
  const contenders = [
    callContender("norms", () => perExampleNorms(gradients)),
    callContender("clip", () => clip(gradients, sum)),
  ];
  const rate = gigabytes(values.byteLength);
  await runSuite(
    `${device}: ${ELEMENTS / columns} rows of ${columns}`,
    contenders.map((one) => ({ contender: one, rate })),
  );
  const measured = await interleave(contenders, PACE);
  const share = 100 / (measured.ratio("clip", "norms") ?? Number.NaN);
  process.stdout.write(`clip: ${share.toFixed(0)} % of the rate at which norms alone are read\n\n`);
}

function clip(gradients: DeviceBuffer, sum: DeviceBuffer): void {
  clipAndSum(gradients, sum, { threshold: 1 });
  synchronize();
}

/** Nothing is timed before it is right. */
function requireClips(): void {
  const [examples, columns] = [13, 1037];
  const values = randomFloats(examples * columns);
  using gradients = deviceBuffer({ rows: examples, columns });
  using sum = deviceBuffer({ columns });
  gradients.upload(values);
  clip(gradients, sum);
  requireClose("cuda", sum.download() as Float32Array, clippedReference(values, columns).sum);
}
