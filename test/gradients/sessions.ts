/** Sessions on a fixture, under any strategy. */
import type { StrategyName } from "../../src/native/binding.js";
import { sgd } from "../../src/optimizers/index.js";
import { createSession, type Session } from "../../src/training/session.js";
import type { SessionOptions } from "../../src/training/session-options.js";
import type { Fixture } from "./fixture.js";

export const strategies = [
  "naive",
  "materialize",
  "fused",
  "reweight",
  "ghost",
  "auto",
] as const satisfies StrategyName[];
export const clipFunctions = ["abadi", "autoS", "autoV"] as const;
/** Each style, and what fixtures call it. */
export const styles = [
  ["flat", "flat"],
  ["per-layer", "perLayer"],
] as const;

export type ClipFunction = (typeof clipFunctions)[number];
export type Style = (typeof styles)[number][0];
export type Extras = Partial<
  Pick<SessionOptions, "chunkSize" | "threads" | "deterministic" | "sparsification" | "augmentationMultiplicity">
>;

/** Runs `use` on a session with the fixture's parameters, and disposes it. */
export async function withSession<T>(
  fixture: Pick<Fixture, "model" | "loss" | "threshold" | "parameters"> & Partial<Pick<Fixture, "row">>,
  strategy: StrategyName,
  clipping: { readonly function: ClipFunction; readonly style: Style | "per-parameter" },
  extras: Extras,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = createSession(fixture.model, {
    loss: fixture.loss,
    optimizer: sgd({ learningRate: 0.1 }),
    clipping: { ...clipping, threshold: fixture.threshold },
    strategy,
    seed: 1,
    threads: 1,
    augmentationMultiplicity: fixture.row?.views ?? 1,
    ...extras,
  });
  try {
    session.loadParameters(fixture.parameters);
    return await use(session);
  } finally {
    session.dispose();
  }
}
