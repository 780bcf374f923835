/**
 * The process of one workload under one strategy, or of the kernels over ready gradients. Reads and writes lines of JSON (protocol.ts): alone in its process,
 * so that its peak memory is its own; it waits without using the processor until it is asked to take steps.
 */
import { createInterface } from "node:readline";
import { loadBinding } from "../native/load.js";
import { watchPeakMemory } from "./memory.js";
import { type ChildTask, type Reply, type Request, requestSchema, type WorkloadTask } from "./protocol.js";
import { measureShape } from "./ready-gradients.js";
import { Subject } from "./subject.js";
import { strategyDifference } from "./verify.js";
import { workloadByName } from "./workloads.js";

function reply(message: Reply): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function* requests(): AsyncGenerator<Request> {
  for await (const line of createInterface({ input: process.stdin })) yield requestSchema.parse(JSON.parse(line));
}

async function measure({ workload, strategy, batch }: WorkloadTask): Promise<void> {
  loadBinding(); // code is not counted as the session's memory
  const peak = watchPeakMemory();
  const subject = Subject.create(workloadByName(workload), { strategy, batch });
  const plan = subject.session.plan();
  const parameters = plan.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  reply({ kind: "ready", parameters, plannedBytes: plan.totalBytes });
  for await (const request of requests()) {
    if (request.kind === "run") reply({ kind: "times", ms: await subject.run(request.steps) });
    else if (request.kind === "memory") reply({ kind: "memory", peakBytes: peak() });
    else throw new Error(`got the request ${request.kind} for a session`);
  }
  subject.dispose();
}

async function verify({ workload, strategy }: WorkloadTask): Promise<void> {
  reply({ kind: "verified", difference: await strategyDifference(workloadByName(workload), strategy) });
}

async function measureKernels(): Promise<void> {
  for await (const request of requests()) {
    if (request.kind !== "shape") throw new Error(`got the request ${request.kind} for kernels`);
    reply({ kind: "kernels", rows: await measureShape(request, request.budgetMs) });
    globalThis.gc?.(); // a gigabyte of gradients, before the next shape takes as much
  }
}

const task = JSON.parse(process.argv[2] ?? "") as ChildTask;
if (task.kind === "measure") await measure(task);
else if (task.kind === "verify") await verify(task);
else await measureKernels();
