/** Ready-made models, by name. */
import { checkObject, preview } from "../arguments.js";
import type { Model } from "../graph/model.js";
import { cnn } from "./cnn.js";
import { dpcnn } from "./dpcnn.js";
import { mlp } from "./mlp.js";
import { mnistCnn } from "./mnist-cnn.js";
import { nestedUnet } from "./nested-unet.js";
import { resnet18, resnet34, resnet50, resnet101 } from "./resnet.js";
import { unet } from "./unet.js";
import { vgg11, vgg13, vgg16, vgg19 } from "./vgg.js";
import { wideResnet } from "./wide-resnet.js";

export {
  cnn,
  dpcnn,
  mlp,
  mnistCnn,
  nestedUnet,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  unet,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  wideResnet,
};

/** The models that configuration files and the command line may name. */
export const modelTypes = [
  mlp,
  mnistCnn,
  cnn,
  dpcnn,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  unet,
  wideResnet,
  nestedUnet,
] as const;

/** Their names: `mlp`, `mnist-cnn`, … */
export const modelNames: readonly string[] = modelTypes.map((model) => model.modelName);

/**
 * The ready-made model of that name.
 * @throws TypeError for a name that is not known, or an option that the model does not take.
 */
export function modelByName(name: string, options: object = {}): Model {
  const found = modelTypes.find((model) => model.modelName === name);
  if (found === undefined) {
    throw new TypeError(`model: unknown name ${preview(name)}; allowed are ${modelNames.join(", ")}`);
  }
  checkObject("options", options, `an object of options of ${name}`);
  return found(options);
}
