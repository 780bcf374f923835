/** The addon in worker threads and at the end of processes: state per environment, and nobody left computing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import type { NativeSessionSpec } from "../../src/native/binding.js";
import { binaryPath } from "./binding-path.js";
import { mlpSpec } from "./specs.js";

const child = new URL("./child.mjs", import.meta.url);
const tiny = mlpSpec([3, 5, 2]);
const wide = mlpSpec([128, 256, 256, 10]);

type Mode = "run" | "idle" | "busy" | "exit" | "finish";

function startWorker(mode: Mode, spec: NativeSessionSpec): Worker {
  return new Worker(child, { workerData: { binary: binaryPath, spec, mode } });
}

async function runProcess(
  mode: Mode,
  spec: NativeSessionSpec,
): Promise<{ code: number | null; signal: string | null; out: string }> {
  const running = spawn(process.execPath, [child.pathname, JSON.stringify({ binary: binaryPath, spec, mode })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  running.stdout.on("data", (data) => {
    out += data;
  });
  const [code, signal] = (await once(running, "close")) as [number | null, string | null];
  return { code, signal, out };
}

describe("worker threads", () => {
  test("two at once compute what one computes", async () => {
    const results = await Promise.all(
      [1, 2].map(async () => {
        const worker = startWorker("run", tiny);
        const [[message], [code]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
        expect(code).toBe(0);
        return message as { lossSum: number; parameter: number[] };
      }),
    );
    expect(results[0]?.lossSum).toBeGreaterThan(0);
    expect(results[0]?.parameter.length).toBe(15);
    expect(results[1]).toEqual(results[0]);
  });

  test("one that ends with an idle session ends", async () => {
    const worker = startWorker("idle", tiny);
    expect(await once(worker, "exit")).toEqual([0]);
  });

  test("one is terminated in the middle of a step, again and again, and others go on", async () => {
    for (let i = 0; i < 3; i++) {
      const worker = startWorker("busy", wide);
      await once(worker, "message");
      const started = performance.now();
      expect(await worker.terminate()).toBe(1);
      expect(performance.now() - started).toBeLessThan(60_000);
    }
    const after = startWorker("run", tiny);
    expect((await once(after, "message"))[0].lossSum).toBeGreaterThan(0);
    await once(after, "exit");
  });

  test("process.exit() in a worker ends that worker alone", async () => {
    const worker = startWorker("exit", wide);
    expect(await once(worker, "exit")).toEqual([7]);
  });
});

describe("the end of a process", () => {
  test("an idle session does not keep it alive", async () => {
    expect(await runProcess("idle", tiny)).toEqual({ code: 0, signal: null, out: '"idle"\n' });
  });

  test("work under way does", async () => {
    expect(await runProcess("finish", wide)).toEqual({ code: 0, signal: null, out: '{"examples":2048}\n' });
  });

  test("process.exit() in the middle of a step exits with its code", async () => {
    for (let i = 0; i < 3; i++) expect(await runProcess("exit", wide)).toEqual({ code: 7, signal: null, out: "" });
  });
});
