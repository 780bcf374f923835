import { defineLoss, type Loss } from "./define.js";

export const meanSquaredErrorType = defineLoss("meanSquaredError", "values", {});

/** torch.nn.MSELoss of one example: the mean over its outputs; targets are numbers, one an output. */
export function meanSquaredError(): Loss {
  return meanSquaredErrorType.create({});
}
