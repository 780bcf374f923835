// Runs in a worker thread or in a process of its own: one session of the addon, then whatever `mode` says.
//   run: a step, its result is reported          idle: makes a session and leaves it
//   busy: reports, and keeps computing           exit: process.exit(7) in the middle of a step
//   finish: starts a step and returns; the process must wait for it
import { createRequire } from "node:module";
import { isMainThread, parentPort, workerData } from "node:worker_threads";

/** @typedef {import("../../src/native/binding.js").NativeBinding} NativeBinding */
/** @typedef {import("../../src/native/binding.js").NativeSessionSpec} NativeSessionSpec */
/** @type {{ binary: string, spec: NativeSessionSpec, mode: string }} */
const { binary, spec, mode } = isMainThread ? JSON.parse(process.argv[2] ?? "") : workerData;

/** @param {unknown} message */
function report(message) {
  if (isMainThread) console.log(JSON.stringify(message));
  else parentPort?.postMessage(message);
}

/** @type {NativeBinding} */
const { Session } = createRequire(import.meta.url)(binary);
const session = new Session(spec);
for (const [index, { shape }] of spec.model.parameters.entries()) {
  const elements = shape.reduce((a, b) => a * b, 1);
  session.setParameter(
    index,
    Float32Array.from({ length: elements }, (_, i) => Math.sin(i + index) / 8),
  );
}
const update = { noiseDeviation: 0, normalizer: 4, learningRate: 0.1, step: 1 };
const inputs = Float32Array.from({ length: 4096 * session.inputElements }, (_, i) => Math.cos(i));

/** @param {number} examples */
function step(examples) {
  return session.step(inputs.subarray(0, examples * session.inputElements), new Int32Array(examples), examples, update);
}

if (mode === "run") {
  const { lossSum } = await step(4);
  const parameter = session.getParameter(0);
  session.dispose();
  report({ lossSum, parameter: Array.from(parameter) });
}
if (mode === "idle") report("idle");
if (mode === "finish") step(2048).then(({ examples }) => report({ examples }));
if (mode === "busy" || mode === "exit") {
  for (let i = 0; i < 50; i++) step(4096).catch(() => {});
  setTimeout(() => (mode === "exit" ? process.exit(7) : report("busy")), 50);
}
