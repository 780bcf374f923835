/** A logical batch of any size, handed to native code slice by slice. */
import type { BatchStatistics, NativeSession } from "../native/binding.js";
import type { Batch } from "./batch.js";

/**
 * Keeps one slice under way and one waiting, so that the native thread never waits for JavaScript. Ends, also where it
 * fails, after the last call under way has.
 * @param nothing the statistics of no slice; @returns those after the last one, which count the batch so far.
 */
export async function accumulateSlices(
  native: NativeSession,
  slices: AsyncIterable<Batch>,
  nothing: BatchStatistics,
  signal: AbortSignal | undefined,
): Promise<BatchStatistics> {
  let before = Promise.resolve(nothing);
  let latest = before;
  try {
    for await (const slice of slices) {
      signal?.throwIfAborted();
      await before;
      before = latest;
      latest = native.accumulate(slice.inputs, slice.targets, slice.size, slice.weights);
      latest.catch(() => {}); // looked at below, perhaps after another failure
    }
    await before;
    return await latest;
  } catch (error) {
    await Promise.allSettled([before, latest]);
    throw error;
  }
}
