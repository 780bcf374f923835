import { expect, test } from "vitest";
import { LineChild, SkippedError } from "../../src/bench/line-child.js";

function child(script: string): LineChild {
  return new LineChild(process.execPath, ["-e", script]);
}

const READY = `console.log('{"kind":"ready","parameters":7}');`;

test("requests and replies cross as lines", async () => {
  const echo = child(`${READY} process.stdin.on("data", (text) => {
    const { steps } = JSON.parse(text);
    console.log(JSON.stringify({ kind: "times", ms: Array(steps).fill(1.5) }));
  });`);
  expect(await echo.expect("ready")).toEqual({ kind: "ready", parameters: 7 });
  expect((await echo.ask({ kind: "run", steps: 3 }, "times")).ms).toEqual([1.5, 1.5, 1.5]);
  await echo.end();
});

test("a child that cannot run here says why", async () => {
  const skipping = child(`console.log('{"kind":"skipped","reason":"no module named torch"}')`);
  const failure = await skipping.expect("ready").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SkippedError);
  expect((failure as Error).message).toBe("no module named torch");
});

test("a child that dies is quoted", async () => {
  const dying = child(`${READY} console.error("RuntimeError: out of memory"); process.exitCode = 3;`);
  await dying.expect("ready");
  await expect(dying.ask({ kind: "run", steps: 1 }, "times")).rejects.toThrow(
    "RuntimeError: out of memory (exit status 3)",
  );
});

test("a child that is killed is told by its signal", async () => {
  const killed = child("setTimeout(() => {}, 60_000)");
  const reply = killed.expect("ready");
  killed.kill();
  await expect(reply).rejects.toThrow("SIGKILL");
});

test("a program that is not there is named", async () => {
  await expect(new LineChild("/nowhere/python3", []).expect("ready")).rejects.toThrow("/nowhere/python3 ENOENT");
});

test("another reply than expected is an error, as is a line of no known kind", async () => {
  await expect(child(READY).expect("times")).rejects.toThrow('expected the reply "times"');
  await expect(child(`console.log('{"kind":"greeting"}')`).expect("ready")).rejects.toThrow();
});
