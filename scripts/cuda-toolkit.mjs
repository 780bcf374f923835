// node scripts/cuda-toolkit.mjs: fetches a CUDA compiler and prints where it is, so that
//   CUDACXX=$(node scripts/cuda-toolkit.mjs) npm run build:native
// builds the addon and libhushgrad_cuda.so where no CUDA is installed.
import { join } from "node:path";
import { cudaToolkit } from "./lib/cuda-toolkit.mjs";
import { root, runMain } from "./setup.mjs";

await runMain(async () => {
  console.log(await cudaToolkit(join(root, "build", "cuda-toolkit.log")));
});
