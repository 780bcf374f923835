/** What the figures were measured on. */
import { cpus, loadavg, release, totalmem } from "node:os";
import { loadBinding } from "../native/load.js";

export interface MachineDescription {
  readonly cpu: string;
  /** That this process may use. */
  readonly cores: number;
  readonly features: readonly string[];
  readonly memory: number;
  readonly system: string;
  readonly node: string;
  readonly libraries: Readonly<Record<string, string>>;
  /** Over the last minute, before the measurement: above a fraction of the cores, others were at work too. */
  readonly load: number;
}

export function describeMachine(): MachineDescription {
  const { cpuFeatures, cores, libraries } = loadBinding().info();
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores,
    features: cpuFeatures,
    memory: totalmem(),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    libraries,
    load: loadavg()[0] ?? 0,
  };
}
