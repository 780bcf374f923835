/** `npm run bench:kernels [-- SUITE…]`: single kernels; which suites there are, is said by a wrong name. */
import { cudaSuite } from "./cuda.js";
import { gemmSuite } from "./gemm.js";
import { layersSuite } from "./layers.js";
import { memorySuite } from "./memory.js";
import { ownGradientsSuite } from "./own-gradients.js";
import { updateSuite } from "./update.js";

const suites: Readonly<Record<string, () => Promise<void>>> = {
  memory: memorySuite,
  own: ownGradientsSuite,
  gemm: gemmSuite,
  update: updateSuite,
  layers: layersSuite,
  cuda: cudaSuite,
};

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(suites)) {
  const run = Object.hasOwn(suites, name) ? suites[name] : undefined;
  if (run === undefined) throw new RangeError(`suite: got ${name}, expected one of ${Object.keys(suites).join(", ")}`);
  await run();
}
