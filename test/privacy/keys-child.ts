/** A seeded session, whose noise key the parent knows: steps, then answers "open", is disposed of, answers "disposed". */

import { sequential } from "../../src/graph/index.js";
import { linear } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { sgd } from "../../src/optimizers/index.js";
import { createSession } from "../../src/training/session.js";

const options = { loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), strategy: "fused", threads: 2 } as const;
const noise = process.argv[2] as "gaussian" | "discrete";
const privacy = { noiseMultiplier: 1, expectedBatchSize: 4, noise };
const session = createSession(sequential([40], [linear(100)]), { ...options, privacy, seed: 4711 });
await session.step({ inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 });
process.send?.("open");
// It goes on listening: a process that ended could not be looked at.
process.on("message", () => {
  session.dispose();
  process.send?.("disposed");
});
