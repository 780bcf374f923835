// A CUDA compiler from PyPI's wheels, for machines that have none: enough to compile the CUDA library, no driver and no
// GPU needed. Kept outside the clone, for it is 400 MB unpacked and the same for all clones.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { run, runLogged, SetupError } from "./run.mjs";
import { findExecutable } from "./system-packages.mjs";

/** Pinned together: nvcc refuses headers and libraries of another release. */
const wheels = [
  "nvidia-cuda-nvcc==13.5.37",
  "nvidia-cuda-crt==13.5.37",
  "nvidia-cuda-runtime==13.5.37",
  "nvidia-cuda-cccl==13.3.5.0.6",
  "nvidia-nvvm==13.5.37",
];
const VERSION = "13.5.37";

/**
 * Fetches the toolkit where it is not cached yet.
 *
 * @param {string} log a file for pip's output
 * @returns {Promise<string>} the path of nvcc
 * @throws {SetupError} when it cannot be fetched: no Python with pip, no network, no wheels for this platform
 */
export async function cudaToolkit(log) {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "hushgrad", `cuda-${VERSION}`);
  const nvcc = join(folder, "bin", "nvcc");
  if (existsSync(nvcc)) return nvcc;
  const python = findExecutable("python3");
  if (!python) throw new SetupError("python3 with pip is needed to fetch the CUDA compiler");
  mkdirSync(dirname(folder), { recursive: true });
  // Filled beside its place and moved there whole: a run that is killed leaves no half of a toolkit.
  const work = mkdtempSync(`${folder}.`);
  try {
    const pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", work];
    await runLogged("Fetching the CUDA compiler", log, python, [...pip, ...wheels]);
    // Another process may have been faster; its toolkit is as good.
    if (!existsSync(nvcc)) renameSync(join(work, "nvidia", "cu13"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return nvcc;
}

/**
 * Compiles the CUDA library alone, for every architecture and with warnings as errors.
 *
 * @param {string} root
 * @param {string} nvcc
 * @param {typeof run} runCommand how commands are run
 * @returns {Promise<number>} the exit status
 */
export async function buildCudaLibrary(root, nvcc, runCommand) {
  const work = join(root, "build", "cuda");
  const generator = findExecutable("ninja") ? ["-G", "Ninja"] : [];
  const options = ["-DHUSHGRAD_ADDON=OFF", "-DHUSHGRAD_WERROR=ON", `-DCMAKE_CUDA_COMPILER=${nvcc}`];
  const configured = await runCommand("cmake", [
    "-S",
    root,
    "-B",
    work,
    ...generator,
    ...options,
    "--log-level=WARNING",
  ]);
  if (configured !== 0) return configured;
  return runCommand("cmake", ["--build", work, "--target", "hushgrad_cuda"]);
}
