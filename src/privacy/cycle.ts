/**
 * Samplers under which an example is seen at most once a cycle of k steps. A cycle's steps together are then one step to the
 * accountant: the one that holds the example; the others say nothing about it. It is charged with the cycle's first step,
 * so that what is counted is never below what was done, wherever a run stops.
 */
import { checkKeys } from "../arguments.js";
import { checkNumber, ranges } from "./check.js";
import { checkSteps, type MechanismSteps, mechanismKeys, type SampledGaussian } from "./mechanism.js";

export interface CyclicMechanism extends SampledGaussian {
  /** k ≥ 1 steps, of which the first is charged as the mechanism and the others as nothing; 1 by default. */
  readonly cycle?: number | undefined;
  /** How many steps of the cycle lie before these; 0 by default. */
  readonly phase?: number | undefined;
}

export type CyclicSteps = CyclicMechanism & MechanismSteps;

/** The same steps by what each costs: those that are charged, and those that are not. Throws a RangeError naming what cannot be. */
export function charged(given: CyclicSteps): MechanismSteps[] {
  checkKeys("steps", given, [...mechanismKeys, "steps", "cycle", "phase"]);
  const { cycle = 1, phase = 0, ...row } = given;
  checkSteps(row);
  checkNumber("cycle", cycle, { ...ranges.steps, min: 1 });
  checkNumber("phase", phase, ranges.steps);
  if (cycle > 1 && row.bins !== undefined && row.bins !== cycle) {
    throw new RangeError(`bins: got ${row.bins} in a cycle of ${cycle} steps; allowed: as many as it has steps`);
  }
  if (cycle === 1) return [row];
  const paid = Math.ceil((phase + row.steps) / cycle) - Math.ceil(phase / cycle);
  const { relation, sample, bins, failure, discreteCoordinates, ...rest } = row;
  // With bins the charged step's coordinates are those of the whole cycle (discrete-gaussian.ts).
  const own = bins === undefined && discreteCoordinates !== undefined ? { discreteCoordinates } : {};
  const free = { ...rest, ...own, samplingRate: 0, steps: row.steps - paid };
  return [{ ...row, steps: paid }, free].filter(({ steps }) => steps > 0);
}

/** A whole cycle as one step: discrete noise is on the coordinates of all its steps. */
export function wholeCycle<Kind extends Omit<CyclicMechanism, "noiseMultiplier">>({ cycle = 1, ...kind }: Kind) {
  const { bins, discreteCoordinates } = kind;
  if (bins !== undefined || discreteCoordinates === undefined) return kind;
  return { ...kind, discreteCoordinates: Math.min(Number.MAX_SAFE_INTEGER, discreteCoordinates * cycle) };
}

/** The row from its `skipped`-th step on, `steps` of them. */
export function cut<Row extends CyclicSteps>(row: Row, skipped: number, steps: number): Row {
  if (row.cycle === undefined) return { ...row, steps };
  return { ...row, steps, phase: ((row.phase ?? 0) + skipped) % row.cycle };
}

/** Rows of a plan as a process sees them that begins a new cycle with step `step` of it. */
export function cycleFrom(rows: readonly CyclicSteps[], step: number): CyclicSteps[] {
  let first = 0;
  return rows.map((row) => {
    const { cycle } = row;
    const phase = cycle === undefined ? 0 : (((first - step) % cycle) + cycle) % cycle;
    first += row.steps;
    return cycle === undefined ? row : { ...row, phase };
  });
}

/** The same where cycles go on from process to process: one that begins within a cycle pays for it again, then for whole ones. */
export function cycleWithin(rows: readonly CyclicSteps[], step: number): CyclicSteps[] {
  let first = 0;
  return rows.flatMap((row) => {
    const before = step - first;
    first += row.steps;
    if (before <= 0 || before >= row.steps) return [row];
    const { cycle = 1 } = row;
    const left = Math.min(row.steps - before, cycle - (before % cycle));
    const rest = row.steps - before - left;
    return [before, left, rest].flatMap((steps) => (steps > 0 ? [{ ...row, steps }] : []));
  });
}
