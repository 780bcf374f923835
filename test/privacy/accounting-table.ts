/** The tables of test/fixtures/accounting, which make.py there wrote. */
import { readFileSync } from "node:fs";

export interface Curve {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  /** RDP by order; null: infinite. */
  readonly dpAccounting: readonly (number | null)[];
  readonly opacus: readonly (number | null)[];
}

export interface PeerEpsilon {
  readonly epsilon: number | null;
  readonly order: number;
}

export interface Setting {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly delta: number;
  readonly dpAccounting: PeerEpsilon;
  readonly opacus: PeerEpsilon;
}

export interface AccountingTable {
  readonly orders: readonly number[];
  readonly curves: readonly Curve[];
  readonly exact: readonly {
    readonly samplingRate: number;
    readonly noiseMultiplier: number;
    readonly order: number;
    readonly rdp: number;
  }[];
  readonly settings: readonly Setting[];
}

const path = new URL("../fixtures/accounting/accounting.json", import.meta.url);

export const table = JSON.parse(readFileSync(path, "utf8")) as AccountingTable;

/** JSON has no infinity: the tables say null. */
export function orInfinity(value: number | null | undefined): number {
  return value ?? Number.POSITIVE_INFINITY;
}
