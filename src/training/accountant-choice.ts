/** Which accountant a run has: the configuration's, else the one that it began with, else the default. */
import { existsSync, readFileSync } from "node:fs";
import { defaultAccountant, type ProvenAccountant, provenAccountants } from "../privacy/accountant.js";
import type { TrainingConfig } from "./config.js";
import { runPaths } from "./run-directory.js";

/** The configuration with its accountant written out. `resumed`: the folder of the run that it continues. */
export function withAccountant(config: TrainingConfig, resumed: string | undefined): TrainingConfig {
  if (!config.privacy || config.privacy.accountant !== undefined) return config;
  const accountant = (resumed !== undefined && recordedAccountant(resumed)) || defaultAccountant;
  return { ...config, privacy: { ...config.privacy, accountant } };
}

/** Undefined where there is no run; rdp where a run says nothing: it began when there was nothing to choose. */
function recordedAccountant(folder: string): ProvenAccountant | undefined {
  const { config: path } = runPaths(folder);
  if (!existsSync(path)) return undefined;
  const { privacy } = JSON.parse(readFileSync(path, "utf8")) as { privacy?: { accountant?: unknown } };
  return provenAccountants.find((name) => name === privacy?.accountant) ?? "rdp";
}
