/** What a program without types may pass to readers and metrics: an error that names the argument, at once. */
import { expect, test } from "vitest";
import { decodeSafetensors } from "../../src/data/safetensors.js";
import { ConfusionMatrix, modelByName, parseIdx, parseNpy, predictedClasses } from "../../src/index.js";

const values: readonly unknown[] = [
  undefined,
  null,
  1,
  1n,
  "x",
  Symbol("s"),
  {},
  [],
  { length: 1e9 },
  new Proxy({}, {}),
];

test.each(values.map((value) => [value]))("%o is no bytes", (value) => {
  for (const read of [parseIdx, parseNpy, decodeSafetensors]) {
    expect(() => read(value as Uint8Array, "f")).toThrow(/^bytes: got .*, expected a Uint8Array$/);
  }
});

test.each(values.map((value) => [value]))(
  "%o is no outputs, no name of a model, and no number of classes but 1",
  (value) => {
    expect(() => predictedClasses(value as Float32Array, 2)).toThrow(/^outputs: got .*, expected a Float32Array$/);
    expect(() => modelByName(value as string)).toThrow(/^model: unknown name/);
    if (value === 1) return;
    expect(() => new ConfusionMatrix(value as number)).toThrow(/^classes must be an integer/);
    expect(() => predictedClasses(new Float32Array(4), value as number)).toThrow(/^classes must be an integer/);
  },
);
