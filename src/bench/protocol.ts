/**
 * What the benchmark and its children say to each other, a line of JSON each: first the child says `ready` (or why it
 * cannot run), then every request gets one reply. Children end when their input does. Peers (bench/peers) speak it too.
 */
import { z } from "zod";
import type { StrategyName } from "../native/binding.js";
import { gradientImplementations } from "./results.js";

/** What a child of our own is told on its command line. */
export type ChildTask = WorkloadTask | { readonly kind: "kernels" };

export interface WorkloadTask {
  readonly kind: "measure" | "verify";
  readonly workload: string;
  readonly strategy: StrategyName;
  readonly batch: number;
}

export const requestSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("run"), steps: z.int().min(1) }),
  z.strictObject({ kind: z.literal("memory") }),
  /** One shape of ready gradients; of a child of kind `kernels`. */
  z.strictObject({
    kind: z.literal("shape"),
    bytes: z.int().min(4),
    columns: z.int().min(1),
    budgetMs: z.number().positive(),
  }),
]);

/** NaN and infinities cross JSON as null. */
const difference = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const number = z.number();
const kernelRow = z.strictObject({
  implementation: z.enum(gradientImplementations),
  bytes: number,
  examples: number,
  columns: number,
  msPerCall: number,
  msQuartiles: z.tuple([number, number]).readonly(),
  gigabytesPerSecond: number,
  ofReading: number,
  overFused: number,
  rounds: number,
});

export const replySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready"), parameters: z.number(), plannedBytes: z.number().optional() }),
  z.strictObject({ kind: z.literal("skipped"), reason: z.string() }),
  z.strictObject({ kind: z.literal("times"), ms: z.array(z.number()).min(1) }),
  z.strictObject({ kind: z.literal("memory"), peakBytes: z.number() }),
  z.strictObject({ kind: z.literal("verified"), difference }),
  z.strictObject({ kind: z.literal("kernels"), rows: z.array(kernelRow) }),
]);

export type Request = z.infer<typeof requestSchema>;
export type Reply = z.infer<typeof replySchema>;
export type ReplyOf<K extends Reply["kind"]> = Extract<Reply, { kind: K }>;
