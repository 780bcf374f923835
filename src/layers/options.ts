/** Option schemas that several layers share. */

import { z } from "zod";

/** A whole number ≥ 1. */
export const count = z.int().min(1);

/** A whole number ≥ 0. */
export const padding = z.int().min(0);

type Triple<T> = readonly [T, T, T];

const both = <T>(value: T | readonly [T, T]): readonly [T, T] =>
  Array.isArray(value) ? (value as readonly [T, T]) : [value as T, value as T];

const all = <T>(value: T | Triple<T>): Triple<T> =>
  Array.isArray(value) ? (value as unknown as Triple<T>) : [value as T, value as T, value as T];

/** A whole number ≥ 1 for height and width, or `[height, width]`. */
export const sizes = z
  .union([count, z.tuple([count, count])], "expected a whole number >= 1 or [height, width]")
  .transform(both);

/** A whole number ≥ 0 for height and width, or `[height, width]`. */
export const paddings = z
  .union([padding, z.tuple([padding, padding])], "expected a whole number >= 0 or [height, width]")
  .transform(both);

/** A whole number ≥ 1 for depth, height and width, or `[depth, height, width]`. */
export const volumeSizes = z
  .union([count, z.tuple([count, count, count])], "expected a whole number >= 1 or [depth, height, width]")
  .transform(all);

/** A whole number ≥ 0 for depth, height and width, or `[depth, height, width]`. */
export const volumePaddings = z
  .union([padding, z.tuple([padding, padding, padding])], "expected a whole number >= 0 or [depth, height, width]")
  .transform(all);

/** Added to a variance before its root is taken. */
export const epsilon = z.number().positive().default(1e-5);
