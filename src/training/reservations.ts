/**
 * Steps are on disk before they are taken, and the disk is not waited for: while the steps of one block are taken, the next
 * block is written. Its steps may be taken once that is done, no sooner.
 */
import type { ReservationSize } from "./reservation-size.js";

/** Counts `count` steps after step `step` of the model on disk; resolves when a power cut would not undo it. */
export type WriteReservation = (step: number, count: number) => Promise<void>;

export class Reservations {
  /** Step of the model up to which steps are on disk. */
  private through: number;
  /** Steps of the last block. */
  private block = 0;
  private writing: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** `start`: step of the model after which this process goes on. */
  constructor(
    start: number,
    private readonly size: Pick<ReservationSize, "next" | "lead">,
    private readonly write: WriteReservation,
  ) {
    this.through = start;
  }

  /**
   * Resolves when the step after `step` of the model may be taken; `last`: step up to which more may be reserved. Rejects once
   * a block could not be written, though steps of an earlier one be left: the disk is broken.
   */
  async allow(step: number, last: number): Promise<void> {
    if (step >= this.through) {
      this.writeAhead(last);
      await this.writing;
    }
    this.throwFailure();
    if (step >= this.through) throw new Error(`step ${step + 1} is not reserved, and none is left to be`);
    if (this.through - step <= this.size.lead(this.block)) this.writeAhead(last);
  }

  /** Resolves when nothing is being written. Rejects as `allow` does. */
  async settled(): Promise<void> {
    await this.writing;
    this.throwFailure();
  }

  private writeAhead(last: number): void {
    const { through } = this;
    const count = Math.min(last - through, this.size.next());
    if (this.writing || this.failure || count <= 0) return;
    this.writing = this.write(through, count).then(
      () => this.wrote(count),
      (error: unknown) => {
        this.failure = { error };
      },
    );
  }

  private wrote(count: number): void {
    this.through += count;
    this.block = count;
    this.writing = undefined;
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}
