/** Ctrl-C: once asks the run to stop after the step under way, twice ends the process at once. */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C back its usual meaning. */
  release(): void;
}

const signals = ["SIGINT", "SIGTERM"] as const;
/** Exit code of what Ctrl-C stopped. */
export const INTERRUPTED = 130;

export function interruptSignal(stream: NodeJS.WritableStream = process.stderr): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    stream.write("\nStopping after this step; Ctrl-C again ends at once.\n");
    controller.abort();
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
