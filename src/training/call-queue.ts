/** Asynchronous calls one after the other, in the order in which they were made. */
export class CallQueue {
  private calls = 0;
  private tail: Promise<unknown> = Promise.resolve();

  /** Whether a call is under way or waits. */
  get busy(): boolean {
    return this.calls > 0;
  }

  /** Runs `call` after those before it, whether they fail or not: at once, up to its first wait, where there are none. */
  run<T>(call: () => Promise<T>): Promise<T> {
    const before = this.busy ? this.tail : undefined;
    this.calls += 1;
    // In place before the call begins: it may lead to another from within, which must wait too. Two steps of a session
    // at once would add into the same sums and count as one.
    let end = (): void => {};
    this.tail = new Promise<void>((resolve) => {
      end = resolve;
    });
    const counted = async (): Promise<T> => {
      try {
        return await call();
      } finally {
        this.calls -= 1;
      }
    };
    const result = before ? before.then(counted) : counted();
    result.then(end, end);
    return result;
  }
}
