/** Sessions of one layer each: what its forward, backward and per-example answers cost under each strategy. */
import { Subject } from "../../src/bench/subject.js";
import { requireMatch } from "../../src/bench/verify.js";
import type { Workload } from "../../src/bench/workloads.js";
import { sequential } from "../../src/graph/builder.js";
import { conv2d, flatten, groupNorm, linear } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { runSuite } from "./run-suite.js";

const BATCH = 64;
const STRATEGIES = ["none", "materialize", "fused", "ghost", "auto"] as const;

const common = { batch: BATCH, targets: 1, loss: () => crossEntropy() };
const picture = [32, 16, 16];
const flat = 32 * 16 * 16;

const layers: readonly Workload[] = [
  { ...common, name: "linear 784 → 1000", classes: 1000, model: () => sequential([784], [linear(1000)]) },
  {
    ...common,
    name: "conv2d 32 → 32, 3×3, 16×16",
    classes: flat,
    model: () => sequential(picture, [conv2d(32, 3, { padding: 1 }), flatten()]),
  },
  {
    ...common,
    name: "groupNorm 8, 32×16×16",
    classes: flat,
    model: () => sequential(picture, [groupNorm(8), flatten()]),
  },
];

export async function layersSuite(): Promise<void> {
  for (const layer of layers) await layerSuite(layer);
}

async function layerSuite(layer: Workload): Promise<void> {
  const subjects: Subject[] = [];
  try {
    const cases = [];
    for (const strategy of STRATEGIES) {
      await requireMatch(layer, strategy);
      const subject = Subject.create(layer, { strategy, batch: layer.batch });
      subjects.push(subject);
      const rate = (seconds: number) => `${((seconds / layer.batch) * 1e6).toFixed(1)} µs an example`;
      cases.push({ contender: { name: strategy, run: (steps: number) => subject.run(steps) }, rate });
    }
    await runSuite(layer.name, cases);
  } finally {
    for (const subject of subjects) subject.dispose();
  }
}
