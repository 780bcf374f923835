/** A function or class of the package with arguments that it takes, and what such arguments share. */
import * as api from "../../src/index.js";
import { tinyData } from "../training/tiny.js";

export interface PublicCall {
  /** Where it is a method: of what. */
  readonly of?: () => object;
  /** Arguments by name, in their order. Fields of plain objects are spoilt too: `options.seed`. */
  readonly values: () => Record<string, unknown>;
  /** Of the wrong values, by argument, those that are right there: `undefined 1`; `*`: whatever comes. */
  readonly takes?: Readonly<Record<string, string>>;
  /** What the call says where there is no such file, or no GPU. */
  readonly fails?: RegExp;
}

/** Written out, so that fields can be missing. */
export const dataset = (): api.Dataset => {
  const { size, inputShape, targetKind, targetElements } = tinyData(1);
  return { size, inputShape, targetKind, targetElements, read: (...all) => tinyData(1).read(...all) };
};
export const sgd = () => api.sgd({ learningRate: 1 });
/** Where nothing can be, nor be made. */
export const absent = "/dev/null/absent";
export const noFile = /(?<!")\/dev\/(null|full)/;
