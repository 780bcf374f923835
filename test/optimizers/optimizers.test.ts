import { describe, expect, it } from "vitest";
import {
  adagrad,
  adam,
  adamw,
  dpAdamBC,
  optimizerFromJSON,
  optimizerSchema,
  optimizerTypes,
  rmsprop,
  sgd,
} from "../../src/optimizers/index.js";

describe("optimizers", () => {
  it("describe themselves with PyTorch's defaults", () => {
    expect(sgd({ learningRate: 0.5 })).toMatchObject({
      kind: "sgd",
      learningRate: 0.5,
      attributes: { momentum: 0, dampening: 0, nesterov: 0, weightDecay: 0 },
    });
    expect(adam({ learningRate: 1e-3 }).attributes).toEqual({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 });
    expect(adamw({ learningRate: 1e-3 }).attributes).toEqual({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 });
    expect(rmsprop({ learningRate: 1e-2 }).attributes).toEqual({
      alpha: 0.99,
      epsilon: 1e-8,
      momentum: 0,
      centered: 0,
      weightDecay: 0,
    });
    expect(adagrad({ learningRate: 1e-2 }).attributes).toEqual({
      learningRateDecay: 0,
      weightDecay: 0,
      initialAccumulator: 0,
      epsilon: 1e-10,
    });
    expect(dpAdamBC({ learningRate: 1e-3 }).attributes).toEqual({ betas: [0.9, 0.999], floor: 1e-8 });
  });

  it("send flags across as 0 and 1, and nothing of the learning rate or the type", () => {
    const { attributes } = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
    expect(attributes).toEqual({ momentum: 0.9, dampening: 0, nesterov: 1, weightDecay: 0 });
  });

  it.each([
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
    adam({ learningRate: 0.1, betas: [0.8, 0.99], epsilon: 1e-6 }),
    adamw({ learningRate: 0.1, weightDecay: 0.1 }),
    rmsprop({ learningRate: 0.1, centered: true, momentum: 0.5 }),
    adagrad({ learningRate: 0.1, learningRateDecay: 0.01, initialAccumulator: 0.1 }),
    dpAdamBC({ learningRate: 0.1, betas: [0.5, 0.9], floor: 1e-6 }),
  ])("$kind survives JSON", (optimizer) => {
    const back = optimizerFromJSON(JSON.parse(JSON.stringify(optimizer)));
    expect(back).toMatchObject({
      kind: optimizer.kind,
      attributes: optimizer.attributes,
      learningRate: optimizer.learningRate,
    });
    expect(optimizerSchema.parse(optimizer.toJSON())).toEqual(optimizer.toJSON());
  });

  it.each([
    [() => sgd({ learningRate: 0 }), /sgd\.learningRate.*finite number > 0.*got 0/],
    [() => sgd({ learningRate: Number.NaN }), /sgd\.learningRate/],
    [() => sgd({ learningRate: 0.1, momentum: -1 }), /sgd\.momentum.*got -1/],
    [() => sgd({ learningRate: 0.1, nesterov: true }), /nesterov needs momentum > 0 and dampening 0/],
    [() => sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.1, nesterov: true }), /dampening 0/],
    [() => sgd({ learningRate: 0.1, momentun: 0.9 } as never), /unknown key 'momentun'; allowed are momentum/],
    [() => adam({ learningRate: 0.1, betas: [0.9, 1] }), /adam\.betas\.1.*got 1/],
    [() => adamw({ learningRate: 0.1, epsilon: -1 }), /adamw\.epsilon.*got -1/],
    [() => rmsprop({ learningRate: 0.1, alpha: 1 }), /rmsprop\.alpha.*got 1/],
    [
      () => optimizerFromJSON({ type: "adadelta", learningRate: 1 }),
      /"adadelta".*sgd, adam, adamw, rmsprop, adagrad, dpAdamBC/,
    ],
    [() => adagrad({ learningRate: 0.1, initialAccumulator: -1 }), /adagrad\.initialAccumulator.*got -1/],
    [() => dpAdamBC({ learningRate: 0.1, floor: 0 }), /dpAdamBC\.floor.*finite number > 0.*got 0/],
    [() => optimizerFromJSON({ type: "sgd" }), /optimizer\.learningRate/],
  ])("refuses what is impossible, %#", (make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it("are registered once each", () => {
    expect(new Set(optimizerTypes.map((optimizer) => optimizer.type)).size).toBe(optimizerTypes.length);
  });
});
