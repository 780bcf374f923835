/** How a schedule is written down: what a learning rate, a threshold or a noise multiplier is multiplied by, step for step. */
import { z } from "zod";
import { parseTyped, strictObject } from "../../layers/define.js";

export interface Schedule {
  readonly type: string;
  /**
   * The factor of the step after `stepsTaken` steps, of `totalSteps` in all: finite, ≥ 0. `stepsPerEpoch` ≥ 1 matters to
   * `epochs` alone; by default all steps are one epoch.
   */
  factor(stepsTaken: number, totalSteps: number, stepsPerEpoch?: number): number;
  toJSON(): ScheduleJson;
}

export interface ScheduleJson {
  readonly type: string;
  readonly [option: string]: unknown;
}

type JsonShape<T extends string, S extends z.ZodRawShape> = S & { type: z.ZodLiteral<T> };

export interface ScheduleType<T extends string = string, S extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly schema: S;
  /** `options`: the JSON form without `type`. @throws TypeError naming the option, what it got and what is allowed. */
  create(options: object, more?: object): Schedule;
}

/** Declares a schedule from its options and its factor. */
export function defineSchedule<const T extends string, S extends z.ZodRawShape>(
  type: T,
  options: S,
  factor: (options: z.output<z.ZodObject<S>>, stepsTaken: number, totalSteps: number, stepsPerEpoch: number) => number,
): ScheduleType<T, z.ZodObject<JsonShape<T, S>, z.core.$strict>> {
  const shape: JsonShape<T, S> = { ...options, type: z.literal(type) };
  const schema = strictObject(shape);
  return {
    type,
    schema,
    create(given, more) {
      const json = parseTyped(type, schema, given, more);
      return {
        type,
        factor: (stepsTaken, totalSteps, stepsPerEpoch = totalSteps) =>
          factor(json as unknown as z.output<z.ZodObject<S>>, stepsTaken, totalSteps, stepsPerEpoch),
        toJSON: () => json as unknown as ScheduleJson,
      };
    },
  };
}
