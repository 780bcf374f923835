/** The content of privacy.json, from what a run knows of itself. */

import { packageVersion } from "../native/load.js";
import { type Accountant, makeAccountant, makeQuickAccountant } from "../privacy/accountant.js";
import type { LedgerMark } from "../privacy/ledger.js";
import type { MechanismSteps } from "../privacy/mechanism.js";
import { type PrivacyStatement, privacyStatement } from "../privacy/statement.js";
import type { PrivacyFacts } from "../privacy/statement-facts.js";
import type { ClippingGroups } from "./clipping-groups.js";
import { clippingOf, type TrainingConfig } from "./config.js";
import type { RunStatus } from "./run-directory.js";
import type { TrainingPlan } from "./training-plan.js";

export interface StatementFacts {
  readonly config: TrainingConfig;
  readonly plan: TrainingPlan;
  readonly groups: ClippingGroups;
  readonly seeded: boolean;
  readonly status: RunStatus;
  /** Taken, lost or reserved. */
  readonly spent: readonly MechanismSteps[];
  /** The ledger's last entry: what `spent` was counted from. */
  readonly ledger: LedgerMark;
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

/** Where the ledger stood: a ledger that ends earlier has lost entries. */
export interface Counted {
  readonly ledger: { readonly file: "ledger.jsonl"; readonly sequence: number; readonly hash: string };
}

/** The statement of a run at this moment. */
export function statementOf(facts: StatementFacts): (PrivacyStatement | NoPrivacy) & Counted {
  const { sequence, hash } = facts.ledger;
  return { ...guaranteeOf(facts), ledger: { file: "ledger.jsonl", sequence, hash } };
}

function guaranteeOf(facts: StatementFacts): PrivacyStatement | NoPrivacy {
  const { config, plan, groups, seeded, status, stepsTaken } = facts;
  if (!config.privacy) {
    return { private: false, guarantee: "none: trained without clipping and noise", status, strategy: config.strategy };
  }
  const { datasetSize, datasetSizeIsPublic, expectedBatchSize } = plan;
  const accountant = accountantOf(facts, config.privacy);
  return privacyStatement({
    status,
    software: { name: "hushgrad", version: packageVersion() },
    accountant,
    delta: config.privacy.delta,
    targetEpsilon: config.privacy.epsilon,
    stepsTaken,
    clipping: clippingOf(config),
    groups: groups.names.map((name, group) => ({ name, threshold: groups.thresholds[group] as number })),
    schedules: { threshold: config.clipping.schedule ?? null, noise: config.privacy.noiseSchedule ?? null },
    noiseMultipliers: [...new Set(plan.mechanisms.map((row) => row.noiseMultiplier))],
    sparsification: config.sparsification,
    ...publicUse(config),
    compression: config.compression,
    correlation: correlationOf(plan),
    strategy: config.strategy,
    seeded,
    unit: config.privacy.unit,
    relation: plan.privacy?.relation,
    group: config.privacy.group,
    sampling: {
      sampler: plan.sampling.type,
      accountedAs: plan.correlation?.accountedAs ?? plan.sampling.accountedAs,
      datasetSize,
      datasetSizeIsPublic,
      expectedBatchSize,
    },
  });
}

function correlationOf({ correlation, sampling, noiseMultiplier }: TrainingPlan): PrivacyFacts["correlation"] {
  const { participation } = sampling;
  if (!correlation || !participation) return undefined;
  const { config, title: method } = correlation.correlation;
  return { ...config, method, noiseMultiplier, participation, carried: correlation.carried };
}

/** What coordinates were chosen by. */
function publicUse({ sparsification }: TrainingConfig): Pick<PrivacyFacts, "maskFrom" | "publicData"> {
  const source = sparsification?.source;
  if (!source) return {};
  if (source.training) return { maskFrom: "private" };
  const examples = source.examples === undefined ? "all" : `the first ${source.examples}`;
  const data = JSON.stringify(source.public);
  return {
    maskFrom: "public",
    publicData: [`${examples} training examples of ${data}: their gradients choose coordinates`],
  };
}

/**
 * A run under way states its ε again and again: by moments, in microseconds and some per cent above what its own accountant
 * proves, unless that seems to exceed the target.
 */
function accountantOf(
  { status, spent }: StatementFacts,
  { accountant: name, epsilon = Number.MAX_VALUE, delta }: NonNullable<TrainingConfig["privacy"]>,
): Accountant {
  const count = (accountant: Accountant): Accountant => {
    for (const row of spent) accountant.step(row, row.steps);
    return accountant;
  };
  if (status === "running") {
    for (const make of [() => makeAccountant("rdp"), () => makeQuickAccountant(name)]) {
      const bound = count(make());
      if (bound.epsilon(delta) <= epsilon) return bound;
    }
  }
  return count(makeAccountant(name));
}
