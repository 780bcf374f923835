/**
 * What the benchmark and its children say to each other, a line of JSON each: first the child says `ready` (or why it
 * cannot run), then every request gets one reply. Children end when their input does. Peers (bench/peers) speak it too.
 */
import { z } from "zod";
import type { StrategyName } from "../native/binding.js";

/** What a child of our own is told on its command line. */
export interface ChildTask {
  readonly kind: "measure" | "verify";
  readonly workload: string;
  readonly strategy: StrategyName;
  readonly batch: number;
}

export const requestSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("run"), steps: z.int().min(1) }),
  z.strictObject({ kind: z.literal("memory") }),
]);

/** NaN and infinities cross JSON as null. */
const difference = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

export const replySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready"), parameters: z.number(), plannedBytes: z.number().optional() }),
  z.strictObject({ kind: z.literal("skipped"), reason: z.string() }),
  z.strictObject({ kind: z.literal("times"), ms: z.array(z.number()).min(1) }),
  z.strictObject({ kind: z.literal("memory"), peakBytes: z.number() }),
  z.strictObject({ kind: z.literal("verified"), difference }),
]);

export type Request = z.infer<typeof requestSchema>;
export type Reply = z.infer<typeof replySchema>;
export type ReplyOf<K extends Reply["kind"]> = Extract<Reply, { kind: K }>;
