/** A child process that answers lines of JSON; its failures carry the last words it said on stderr. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type Reply, type ReplyOf, type Request, replySchema } from "./protocol.js";

/** It said that it cannot run here, and why. */
export class SkippedError extends Error {
  override readonly name = "SkippedError";
}

const KEPT_WORDS = 4000;

export class LineChild {
  private readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly lines: AsyncIterator<string>;
  private readonly ended: Promise<string>;
  private words = "";

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
    this.process = spawn(command, [...args], { stdio: ["pipe", "pipe", "pipe"], env: environment });
    this.process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.words = (this.words + text).slice(-KEPT_WORDS);
    });
    this.process.stdin.on("error", () => {}); // it has died; the reply that never comes tells
    this.ended = new Promise((resolve) => {
      this.process.on("error", (error) => resolve(error.message));
      this.process.on("close", (code, signal) => resolve(this.lastWords(signal ?? `exit status ${code}`)));
    });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** The next reply, which must be of this kind. @throws SkippedError, or Error saying how the child ended. */
  async expect<K extends Reply["kind"]>(kind: K): Promise<ReplyOf<K>> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(await this.ended);
    const reply = replySchema.parse(JSON.parse(value));
    if (reply.kind === "skipped") throw new SkippedError(reply.reason);
    if (reply.kind !== kind) throw new Error(`expected the reply "${kind}", got ${value}`);
    return reply as ReplyOf<K>;
  }

  ask<K extends Reply["kind"]>(request: Request, kind: K): Promise<ReplyOf<K>> {
    this.process.stdin.write(`${JSON.stringify(request)}\n`);
    return this.expect(kind);
  }

  /** Lets it end by itself, and waits until it has. */
  async end(): Promise<void> {
    this.process.stdin.end();
    await this.ended;
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }

  private lastWords(how: string): string {
    const line = this.words
      .trim()
      .split("\n")
      .findLast((text) => text.trim() !== "" && !text.startsWith("Node.js v"));
    return line === undefined ? `it ended: ${how}` : `${line.trim()} (${how})`;
  }
}
