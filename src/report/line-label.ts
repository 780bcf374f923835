/** What a run is called on a page over several: all that tells its line from the others. */
import type { CellRun } from "../sweep/runs.js";

/** What says the noise, directly or as a target that it is calibrated from, and what only repeats a run. */
const lineKeys: ReadonlySet<string> = new Set(["privacy.noiseMultiplier", "privacy.epsilon", "seed"]);

/** `automatic clipping, unet, learningRate 3`: all but the noise and the seed. */
export function lineLabel({ name, variant, values }: CellRun): string {
  const others = Object.entries(values).filter(([key]) => !lineKeys.has(key));
  const named = others.map(([key, value]) =>
    Number.isNaN(Number(value)) ? value : `${key.split(".").at(-1)} ${value}`,
  );
  const parts = [...(variant === undefined ? [] : [variant]), ...named];
  if (parts.length > 0) return parts.join(", ");
  return Object.keys(values).length > 0 ? "all cells" : name;
}
