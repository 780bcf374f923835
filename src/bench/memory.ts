/** Peak resident memory of this process above a starting point. */
import { readFileSync, writeFileSync } from "node:fs";

/** Starts to watch: the function it gives tells the peak above now, in bytes ≥ 0. */
export function watchPeakMemory(): () => number {
  globalThis.gc?.();
  resetPeak();
  const before = process.memoryUsage.rss();
  return () => Math.max(0, peakBytes() - before);
}

/** Sets the kernel's high-water mark back to what is resident now. Not every container lets a process do that. */
function resetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // The peak since the process began is used instead, which start-up hardly exceeds.
  }
}

function peakBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
