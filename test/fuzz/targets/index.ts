/** Everything that reads what comes from outside. */
import type { Target } from "../fuzz.js";
import { cifar, idx, npy, npz } from "./arrays.js";
import { checkpoint, safetensors } from "./checkpoints.js";
import { config, grid, model } from "./configurations.js";
import { csv } from "./csv.js";
import { ledger } from "./ledger.js";
import { picture } from "./pictures.js";

export const targets: readonly Target[] = [
  config,
  grid,
  model,
  checkpoint,
  safetensors,
  ledger,
  idx,
  cifar,
  npy,
  npz,
  csv,
  picture,
];
