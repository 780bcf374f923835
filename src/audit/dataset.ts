/** The data of an audit: some of the user's records, and the canaries that a run has, behind them. */

import { type Dataset, makeTargets } from "../data/dataset.js";
import { elementCount } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import type { Batch } from "../training/batch.js";

/** Examples made for an audit. */
export interface Canaries {
  readonly size: number;
  /** [size, input elements] */
  readonly inputs: Float32Array;
  /** [size, target elements] */
  readonly targets: Targets;
  /** Of each: the largest that the configuration allows. */
  readonly weight: number;
}

/** Canary `index` as a batch of its own. */
export function canaryBatch({ size, inputs, targets, weight }: Canaries, index: number): Batch {
  const [width, height] = [inputs.length / size, targets.length / size];
  return {
    inputs: inputs.subarray(index * width, (index + 1) * width),
    targets: targets.subarray(index * height, (index + 1) * height),
    weights: Float32Array.of(weight),
    size: 1,
  };
}

/** Records `indices` of a dataset, in memory, as a batch. */
export async function readBatch(dataset: Dataset, indices: ArrayLike<number>): Promise<Batch> {
  const inputs = new Float32Array(indices.length * elementCount(dataset.inputShape));
  const targets = makeTargets(dataset, indices.length);
  await dataset.read(indices, inputs, targets);
  return { inputs, targets, size: indices.length };
}

export class AuditDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind: Dataset["targetKind"];
  readonly targetElements: number;
  readonly weights: Float32Array | undefined;

  /**
   * @param records of `base`, one or more: they come first, in this order.
   * @param included of the canaries, in this order; without, there are none.
   */
  constructor(
    private readonly base: Dataset,
    private readonly records: Uint32Array,
    private readonly canaries?: Canaries,
    private readonly included: ArrayLike<number> = [],
  ) {
    this.size = records.length + included.length;
    this.inputShape = base.inputShape;
    this.targetKind = base.targetKind;
    this.targetElements = base.targetElements;
    const canaryWeight = canaries?.weight ?? 1;
    if (!base.weights && canaryWeight === 1) return;
    const { weights } = base;
    this.weights = new Float32Array(this.size).fill(canaryWeight);
    this.weights.set(Float32Array.from(records, (record) => weights?.[record] ?? 1));
  }

  async read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): Promise<void> {
    const { records, canaries } = this;
    // A canary's row is read as the first record, and written over.
    await this.base.read(
      Array.from(indices, (index) => records[index] ?? (records[0] as number)),
      inputs,
      targets,
    );
    if (!canaries) return;
    const [width, height] = [elementCount(this.inputShape), this.targetElements];
    for (let row = 0; row < indices.length; row++) {
      const index = (indices[row] as number) - records.length;
      if (index < 0) continue;
      const canary = canaryBatch(canaries, this.included[index] as number);
      inputs.set(canary.inputs, row * width);
      targets.set(canary.targets, row * height);
    }
  }
}
