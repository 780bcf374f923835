/**
 * Audits: how much a training can be seen to leak, as a lower bound on ε, beside what is claimed for it.
 *
 * ```ts
 * const report = await audit("white-box", { config, train });
 * report.verdict; // "consistent", or "violation" with the reasons in report.violations
 * ```
 *
 * **What a verdict means.** `violation`: with the stated confidence the claim is false. `consistent`: this audit did not
 * refute it; `most` says what it could have shown at best. An audit proves no privacy. It reads private records, and what
 * it prints lies outside ε: docs/audit.md.
 */
import { makeAccountant } from "../privacy/accountant.js";
import { planTraining } from "../training/training-plan.js";
import { type AuditOptions, checkAudit } from "./context.js";
import { auditMembership } from "./membership.js";
import { auditOneRun } from "./one-run.js";
import type { AuditMode, AuditReport } from "./report.js";
import { auditWhiteBox, whiteBoxSteps } from "./white-box.js";

export type { AuditOptions } from "./context.js";
export { type AuditClaim, type AuditMode, type AuditReport, auditModes, type ShownEpsilon } from "./report.js";

/**
 * Trains as the mode needs and compares. Rejects with a ConfigError where the configuration claims no privacy, a
 * RangeError naming an option, or the signal's reason.
 */
export async function audit(mode: AuditMode, options: AuditOptions): Promise<AuditReport> {
  const began = performance.now();
  const checked = checkAudit(mode, options);
  const planned = planTraining(options.config, options.train.size);
  const steps = options.steps ?? (mode === "white-box" ? whiteBoxSteps(planned.steps) : planned.steps);
  const { claim, ...findings } = await run(mode, checked, planned.samplingRate, steps);
  const accountant = options.config.privacy?.accountant ?? makeAccountant().name;
  return {
    mode,
    claim: {
      epsilon: makeAccountant(accountant).epsilonWith(claim.mechanisms, claim.delta),
      delta: claim.delta,
      accountant,
      samplingRate: planned.samplingRate,
      noiseMultiplier: planned.noiseMultiplier,
      steps,
      configuredSteps: planned.steps,
    },
    confidence: checked.confidence,
    verdict: findings.violations.length > 0 ? "violation" : "consistent",
    ...findings,
    seconds: (performance.now() - began) / 1000,
  };
}

function run(mode: AuditMode, checked: ReturnType<typeof checkAudit>, samplingRate: number, steps: number) {
  if (mode === "white-box") return auditWhiteBox(checked, samplingRate, steps);
  return mode === "one-run" ? auditOneRun(checked, steps) : auditMembership(checked, steps);
}
