/** Ready-made models, by name. */
import type { Model } from "../graph/model.js";
import { dpcnn } from "./dpcnn.js";
import { mlp } from "./mlp.js";
import { mnistCnn } from "./mnist-cnn.js";

export { dpcnn, mlp, mnistCnn };

/** The models that configuration files and the command line may name. */
export const modelTypes = [mlp, mnistCnn, dpcnn] as const;

/** Their names: `mlp`, `mnist-cnn`, `dpcnn`. */
export const modelNames: readonly string[] = modelTypes.map((model) => model.modelName);

/**
 * The ready-made model of that name.
 * @throws TypeError for a name that is not known, or an option that the model does not take.
 */
export function modelByName(name: string, options: object = {}): Model {
  const found = modelTypes.find((model) => model.modelName === name);
  if (found === undefined) {
    throw new TypeError(`model: unknown name ${JSON.stringify(name)}; allowed are ${modelNames.join(", ")}`);
  }
  return found(options);
}
