/** Every example is in a batch independently, with probability q. */
import { z } from "zod";
import { PoissonSampler } from "../data/poisson.js";
import { relations } from "../privacy/relation.js";
import { configObject } from "../training/config-errors.js";
import { defineSampling } from "./define.js";

export const poissonSampling = defineSampling({
  type: "poisson",
  schema: configObject({ type: z.literal("poisson") }),
  relations,
  create: (_, { examples: datasetSize, samplingRate }) => ({
    type: "poisson",
    mechanism: { samplingRate },
    accountedAs: "what it is",
    draw: (random) => new PoissonSampler({ datasetSize, samplingRate, random })[Symbol.iterator](),
  }),
});
