/** Tells whether two configurations describe the same run: one may go on with the other's folder. */
import { createHash } from "node:crypto";
import type { TrainingConfig } from "./config.js";
import type { TrainingPlan } from "./training-plan.js";

/** What may differ between a run and its continuation: neither the model's path nor the guarantee hangs on it. */
const free: ReadonlySet<string> = new Set(["name", "threads", "chunkSize", "checkpointEvery"]);

/** SHA-256, in hex, of everything in the configuration and the plan that a continuation must share. */
export function fingerprint(config: TrainingConfig, plan: TrainingPlan): string {
  const kept = Object.fromEntries(Object.entries(config).filter(([key]) => !free.has(key)));
  return createHash("sha256")
    .update(JSON.stringify(sorted([withoutFirst(kept), withoutFirst(withoutChoices(plan))])))
    .digest("hex");
}

/** Relation, sampling and correlation follow from the configuration, and runs from before there was a choice have none in their print. */
function withoutChoices({ sampling, correlation, ...given }: TrainingPlan): object {
  // As are bins of random allocation, which earlier versions did not know.
  const plan = { ...given, mechanisms: given.mechanisms.map(({ bins, ...row }) => row) };
  if (!plan.privacy) return plan;
  const { relation, ...privacy } = plan.privacy;
  return { ...plan, privacy };
}

/** Runs from before there was a choice have no accountant in their print: theirs was rdp. */
function withoutFirst(settings: object): object {
  const { privacy, ...others } = settings as { privacy?: { accountant?: string } };
  if (privacy?.accountant !== "rdp") return settings;
  const { accountant, ...rest } = privacy;
  return { ...others, privacy: rest };
}

/** The same JSON with keys in alphabetical order at every level. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
