/** `npm run bench:kernels [-- SUITE…]`: single kernels. */
import { Argument, Command } from "commander";
import { runCommand } from "../lib/run-command.js";
import { cudaSuite } from "./cuda.js";
import { gemmSuite } from "./gemm.js";
import { layersSuite } from "./layers.js";
import { memorySuite } from "./memory.js";
import { noiseSuite } from "./noise.js";
import { type OwnGradientsOutput, ownGradientsSuite } from "./own-gradients.js";
import { updateSuite } from "./update.js";

const suites: Readonly<Record<string, (output: OwnGradientsOutput) => Promise<void>>> = {
  memory: memorySuite,
  own: ownGradientsSuite,
  gemm: gemmSuite,
  noise: noiseSuite,
  update: updateSuite,
  layers: layersSuite,
  cuda: cudaSuite,
};
const names = Object.keys(suites);

async function main(wanted: readonly string[], output: OwnGradientsOutput, command: Command): Promise<void> {
  const chosen = wanted.length > 0 ? wanted : names;
  if ((output.json || output.html) && !chosen.includes("own")) {
    command.error("error: --json and --html tell what the suite own measures: name it too");
  }
  for (const name of chosen) await suites[name]?.(output);
}

await runCommand(
  new Command("npm run bench:kernels --")
    .description("time single kernels: all suites, or those named")
    .addArgument(new Argument("[suites...]", "what to time").choices(names))
    .option("--json <file>", "write what `own` (ready gradients) measures as JSON")
    .option("--html <file>", "write its charts as a page")
    .action(main),
);
