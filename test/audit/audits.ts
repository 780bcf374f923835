/** Small audits: of a Gaussian mechanism with μ = 1, ε = 4.377 at δ = 1e-5, unless told otherwise. */
import { type AuditMode, type AuditOptions, type AuditReport, audit } from "../../src/audit/index.js";
import { tinyConfig, tinyData } from "../training/tiny.js";

export function auditTiny(
  mode: AuditMode,
  changes: Record<string, unknown> = {},
  options: Partial<AuditOptions> = {},
): Promise<AuditReport> {
  const privacy = { noiseMultiplier: 2, delta: 1e-5 };
  const config = tinyConfig({ samplingRate: 1, steps: 4, privacy, ...changes });
  const size = mode === "white-box" ? { runs: 80 } : { canaries: 100 };
  return audit(mode, { config, train: tinyData(200), seed: 1, ...size, ...options });
}
