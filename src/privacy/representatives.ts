/** A few rows that stand for many: a schedule may give every step its own noise. They cost no less: ε falls with noise, and grows with the sampling rate. */
import type { MechanismSteps } from "./mechanism.js";

/** The costliest of each of `most` stretches of alike rows, by kind, for all of its steps. */
export function representatives(rows: readonly MechanismSteps[], most: number): MechanismSteps[] {
  if (rows.length <= most) return [...rows];
  const kindOf = ({ relation, sample, samplingRate }: MechanismSteps) =>
    `${relation ?? ""} ${sample ?? ""} ${samplingRate === 1}`;
  return [...new Set(rows.map(kindOf))].flatMap((kind) => {
    const alike = rows.filter((row) => kindOf(row) === kind);
    const size = Math.ceil(alike.length / most);
    const stretches = Array.from({ length: Math.ceil(alike.length / size) }, (_, i) =>
      alike.slice(i * size, (i + 1) * size),
    );
    return stretches.map((stretch) => ({
      ...(stretch[0] as MechanismSteps),
      samplingRate: Math.max(...stretch.map((row) => row.samplingRate)),
      noiseMultiplier: Math.min(...stretch.map((row) => row.noiseMultiplier)),
      steps: stretch.reduce((sum, row) => sum + row.steps, 0),
    }));
  });
}
