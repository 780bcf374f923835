/**
 * A few rows that stand for many: a schedule may give every step its own noise, a ledger may hold hundreds of runs. What a
 * step costs grows with the sampling rate and falls with noise and bins.
 */
import { isAllocated, type MechanismSteps } from "./mechanism.js";

/** At most about `most` rows of each kind, which cost no less than `rows`. */
export function costliest(rows: readonly MechanismSteps[], most: number): readonly MechanismSteps[] {
  return grouped(rows, most, Math.max, Math.min);
}

/** And no more. */
export function cheapest(rows: readonly MechanismSteps[], most: number): readonly MechanismSteps[] {
  return grouped(rows, most, Math.min, Math.max);
}

type Extreme = (a: number, b: number) => number;

function grouped(
  rows: readonly MechanismSteps[],
  most: number,
  ofCost: Extreme,
  ofCostless: Extreme,
): readonly MechanismSteps[] {
  if (rows.length <= most) return rows;
  const bands = Math.floor(Math.sqrt(most));
  const join = (a: MechanismSteps, b: MechanismSteps): MechanismSteps => ({
    ...a,
    samplingRate: ofCost(a.samplingRate, b.samplingRate),
    noiseMultiplier: ofCostless(a.noiseMultiplier, b.noiseMultiplier),
    ...(a.bins === undefined || b.bins === undefined ? {} : { bins: ofCostless(a.bins, b.bins) }),
    steps: a.steps + b.steps,
  });
  return [...kindsOf(rows).values()]
    .flatMap((alike) => banded(alike, bands, (row) => row.samplingRate / (row.bins ?? 1)))
    .flatMap((band) => banded(band, bands, (row) => row.noiseMultiplier))
    .map((group) => group.reduce(join));
}

function kindsOf(rows: readonly MechanismSteps[]): Map<string, MechanismSteps[]> {
  const kinds = new Map<string, MechanismSteps[]>();
  for (const row of rows) {
    const kind = `${row.relation ?? ""} ${row.sample ?? ""} ${row.samplingRate === 1} ${isAllocated(row)}`;
    const alike = kinds.get(kind);
    if (alike) alike.push(row);
    else kinds.set(kind, [row]);
  }
  return kinds;
}

/** As many stretches of the rows in the order of a value, the same number in each. */
function banded(
  rows: readonly MechanismSteps[],
  bands: number,
  order: (row: MechanismSteps) => number,
): MechanismSteps[][] {
  const ordered = [...rows].sort((a, b) => order(a) - order(b));
  const size = Math.ceil(ordered.length / bands);
  return Array.from({ length: Math.ceil(ordered.length / size) }, (_, i) => ordered.slice(i * size, (i + 1) * size));
}
