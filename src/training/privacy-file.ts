/** The content of privacy.json, from what a run knows of itself. */
import { makeAccountant } from "../privacy/accountant.js";
import { type PrivacyStatement, privacyStatement } from "../privacy/statement.js";
import type { TrainingConfig } from "./config.js";
import { packageVersion } from "./package-version.js";
import type { RunStatus } from "./run-directory.js";
import type { TrainingPlan } from "./training-plan.js";

export interface StatementFacts {
  readonly config: TrainingConfig;
  readonly plan: TrainingPlan;
  readonly seeded: boolean;
  readonly status: RunStatus;
  /** Taken, lost or reserved. */
  readonly accountedSteps: number;
  /** In the model. */
  readonly stepsTaken: number;
}

/** What a run without privacy says in place of a guarantee. */
export interface NoPrivacy {
  readonly private: false;
  readonly guarantee: string;
  readonly status: RunStatus;
  readonly strategy: string;
}

/** The statement of a run at this moment. */
export function statementOf(facts: StatementFacts): PrivacyStatement | NoPrivacy {
  const { config, plan, seeded, status, accountedSteps, stepsTaken } = facts;
  if (!config.privacy) {
    return { private: false, guarantee: "none: trained without clipping and noise", status, strategy: config.strategy };
  }
  const { datasetSize, datasetSizeIsPublic, expectedBatchSize, samplingRate, noiseMultiplier } = plan;
  const accountant = makeAccountant("rdp");
  accountant.step({ samplingRate, noiseMultiplier }, accountedSteps);
  return privacyStatement({
    status,
    software: { name: "hushgrad", version: packageVersion() },
    accountant,
    delta: config.privacy.delta,
    targetEpsilon: config.privacy.epsilon,
    stepsTaken,
    clipping: config.clipping,
    sparsification: config.sparsification,
    strategy: config.strategy,
    seeded,
    unit: config.privacy.unit,
    sampling: { sampler: "poisson", datasetSize, datasetSizeIsPublic, expectedBatchSize },
  });
}
