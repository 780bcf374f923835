/**
 * The process of one workload under one strategy. Reads and writes lines of JSON (protocol.ts): alone in its process,
 * so that its peak memory is its own; it waits without using the processor until it is asked to take steps.
 */
import { createInterface } from "node:readline";
import { loadBinding } from "../native/load.js";
import { watchPeakMemory } from "./memory.js";
import { type ChildTask, type Reply, requestSchema } from "./protocol.js";
import { Subject } from "./subject.js";
import { strategyDifference } from "./verify.js";
import { workloadByName } from "./workloads.js";

function reply(message: Reply): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function measure({ workload, strategy, batch }: ChildTask): Promise<void> {
  loadBinding(); // code is not counted as the session's memory
  const peak = watchPeakMemory();
  const subject = Subject.create(workloadByName(workload), { strategy, batch });
  const plan = subject.session.plan();
  const parameters = plan.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  reply({ kind: "ready", parameters, plannedBytes: plan.totalBytes });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = requestSchema.parse(JSON.parse(line));
    if (request.kind === "run") reply({ kind: "times", ms: await subject.run(request.steps) });
    else reply({ kind: "memory", peakBytes: peak() });
  }
  subject.dispose();
}

const task = JSON.parse(process.argv[2] ?? "") as ChildTask;
if (task.kind === "measure") await measure(task);
else reply({ kind: "verified", difference: await strategyDifference(workloadByName(task.workload), task.strategy) });
