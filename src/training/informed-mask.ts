/**
 * Coordinates chosen by gradients of public examples: at every refresh the P − ⌊rate·P⌋ of largest |mean gradient| at
 * the present model. The model is what earlier steps released, so that the choice is post-processing.
 */

import type { Dataset } from "../data/dataset.js";
import { prefetch } from "../data/prefetch.js";
import type { Model } from "../graph/model.js";
import { lossFromJSON } from "../losses/index.js";
import { loadBinding } from "../native/load.js";
import { sgd } from "../optimizers/index.js";
import type { TrainingConfig } from "./config.js";
import { byParameter, type GivenMask } from "./given-mask.js";
import { createSession, type Session } from "./session.js";
import type { SparsificationRefresh } from "./sparsification.js";
import { joined } from "./tensors.js";

/** A session that takes ordinary gradients of the model. */
export function makeProbe(config: TrainingConfig, model: Model): Session {
  const { chunkSize, threads, deterministic, seed } = config;
  return createSession(model, {
    loss: lossFromJSON(config.loss),
    optimizer: sgd({ learningRate: 1 }),
    strategy: "none",
    chunkSize,
    threads,
    deterministic,
    ...(seed === undefined ? {} : { seed }),
  });
}

export class InformedMask {
  /** A second copy of the model, which takes ordinary gradients. */
  private readonly probe: Session;
  private readonly parameters: Model["spec"]["parameters"];
  private readonly coordinates: number;

  /** `examples`: of which the first `most` are used, if it is given. `from`: what they are. */
  constructor(
    config: TrainingConfig,
    model: Model,
    private readonly examples: Dataset,
    private readonly from: GivenMask["from"],
    private readonly most: number = examples.size,
  ) {
    this.parameters = model.spec.parameters;
    this.coordinates = model.trainableParameterCount;
    this.probe = makeProbe(config, model);
  }

  /** Puts the mask of `next` in force, unless it is already. */
  async refresh(session: Session, next: SparsificationRefresh): Promise<void> {
    if (session.givenMask?.refresh === next.refresh) return;
    const dropped = Math.floor(next.rate * this.coordinates);
    const marks = dropped === 0 ? new Uint8Array(this.coordinates).fill(1) : await this.largest(session, dropped);
    session.setMask({ kept: byParameter(marks, this.parameters), from: this.from, refresh: next.refresh });
  }

  dispose(): void {
    this.probe.dispose();
  }

  private async largest(session: Session, dropped: number): Promise<Uint8Array> {
    this.probe.loadParameters(session.parameters());
    return loadBinding().largest(await this.gradient(), this.coordinates - dropped);
  }

  /** Sum over the examples, of all trainable coordinates: its order is that of the mean. */
  private async gradient(): Promise<Float32Array> {
    const size = Math.min(this.most, this.examples.size);
    const { inputShape, targetKind, targetElements } = this.examples;
    const read: Dataset["read"] = (indices, inputs, targets) => this.examples.read(indices, inputs, targets);
    const unweighted: Dataset = { size, inputShape, targetKind, targetElements, read };
    const all = Uint32Array.from({ length: size }, (_, i) => i);
    const { value: batch } = await prefetch(unweighted, [all]).next();
    if (!batch) throw new Error("no examples to choose coordinates by");
    const { sums } = await this.probe.clippedSum(batch.source);
    return joined(
      Object.values(sums).map(({ data }) => data),
      Float32Array,
    );
  }
}
