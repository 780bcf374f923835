/** Rényi divergences of steps that are chosen as one goes: what filter.ts and odometer.ts sum up. */
import { checkKeys, checkList } from "../arguments.js";
import { checkNumber, ranges } from "./check.js";
import { checkMechanism, mechanismKeys, type SampledGaussian } from "./mechanism.js";
import { checkRenyi, rdpOfMechanism } from "./rdp-of-mechanism.js";

/** Each costs the others log k/(α − 1) of ε: few, and far apart. */
export const fewOrders: readonly number[] = [1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512];

/** Throws a RangeError unless there is an order, and each is above 1. */
export function checkedOrders(orders: readonly number[]): readonly number[] {
  checkList("orders", orders, "orders above 1");
  if (orders.length === 0) throw new RangeError("orders must hold at least one order, got none");
  for (const [i, order] of orders.entries()) checkNumber(`orders[${i}]`, order, { min: 1, max: 1e6, openMin: true });
  return [...orders];
}

/** Of `count` steps at each order, never below the truth. Throws a RangeError about a mechanism or count out of range. */
export function spentAtOrders(orders: readonly number[], mechanism: SampledGaussian, count: number): Float64Array {
  checkKeys("mechanism", mechanism, [...mechanismKeys, "steps"]);
  const { steps = count } = mechanism as { readonly steps?: number };
  if (steps !== count) throw new RangeError(`count: got ${count}, but the mechanism says ${steps} steps`);
  checkMechanism(mechanism);
  checkNumber("count", count, ranges.steps);
  checkRenyi(mechanism);
  return Float64Array.from(orders, (order) =>
    count === 0 ? 0 : count * rdpOfMechanism(mechanism, order) * (1 + 2 ** -50),
  );
}
