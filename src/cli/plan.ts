/** `hushgrad plan CONFIG.json`: what was decided before the first step, layer by layer, and what it will cost. */
import type { Command } from "commander";
import { readConfig } from "../training/config.js";
import { buildModel } from "../training/model-config.js";
import { makeSession } from "../training/prepare.js";
import type { SessionPlan } from "../training/session-plan.js";
import { bytes, flops, table } from "./format.js";

interface PlanOptions {
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command("plan")
    .description("show per layer the parameters, the chosen method, FLOPs and bytes; trains nothing")
    .argument("<config>", "configuration, JSON")
    .option("--json", "print the plan as JSON")
    .action((file: string, options: PlanOptions) => {
      const config = readConfig(file);
      const session = makeSession(config, buildModel(config));
      try {
        const plan = session.plan(config.batchSize);
        process.stdout.write(options.json ? `${JSON.stringify(plan, null, 2)}\n` : text(plan));
      } finally {
        session.dispose();
      }
    });
}

function text(plan: SessionPlan): string {
  const rows = plan.layers.map((layer) => [
    layer.path,
    layer.kind,
    String(layer.parameters),
    layer.method || "–",
    flops(layer.flops),
    bytes(layer.bytes),
    layer.implementation,
  ]);
  const layers = table(
    [
      { title: "layer" },
      { title: "kind" },
      { title: "parameters", right: true },
      { title: "method" },
      { title: "FLOPs an example", right: true },
      { title: "memory", right: true },
      { title: "kernels" },
    ],
    rows,
  );
  const parameters = plan.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const work = plan.layers.reduce((sum, layer) => sum + layer.flops, 0);
  return (
    `${layers}\n\n` +
    `${parameters} parameters, ${flops(work)} an example\n` +
    `chunks of ${plan.chunkSize} examples, ${plan.lanes} lanes, ${plan.threads} threads\n` +
    `memory at batches of ${plan.batchSize}: ${bytes(plan.totalBytes)}\n` +
    table(
      [{ title: "part" }, { title: "memory", right: true }],
      [
        ["parameters and optimizer", bytes(plan.parameterBytes)],
        ["workers", bytes(plan.workerBytes)],
        ["sums between slices", bytes(plan.carriedBytes)],
        ["batch", bytes(plan.batchBytes)],
        ["copies of the batch", bytes(plan.stagingBytes)],
        ["runtime and libraries (estimate)", bytes(plan.runtimeBytes)],
      ],
    ) +
    "\n"
  );
}
