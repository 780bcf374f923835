/**
 * The secret of a run whose noise is correlated and carried from process to process: what the noise remembers of earlier steps.
 * With it noise can be subtracted from the models, so it lies apart from the checkpoints (`noise.secret.safetensors`), readable
 * by its owner alone (mode 0600), and is deleted when the run is over. It is written before the state that it belongs to, the one
 * before it is kept, and both name the step and the ledger's last entry: whatever moment a process dies, the state that is
 * gone on from has its noise. No key is in it: noise after the step is drawn from the key of the process that draws it.
 */
import { existsSync, rmSync } from "node:fs";
import { DataError } from "../data/dataset.js";
import { encodeSafetensors, type Tensor as StoredTensor, type TensorFile } from "../data/safetensors.js";
import type { LedgerMark } from "../privacy/ledger.js";
import { type LoadedState, markMetadata } from "./checkpoint.js";
import { readCheckpoint, seal } from "./checkpoint-seal.js";
import { writeAtomically } from "./files.js";
import type { RunPaths } from "./run-directory.js";
import { RunDirectoryError } from "./run-errors.js";
import type { Session } from "./session.js";
import type { TrainingPlan } from "./training-plan.js";

type NoisePaths = Pick<RunPaths, "noise" | "previousNoise">;

const FORMAT = "hushgrad-noise-1";
const OWNER_ALONE = 0o600;

/** Whether a run has that secret: a seeded one draws its noise again. */
export function keepsNoise({ correlation }: Pick<TrainingPlan, "correlation">, { seeded }: Session): boolean {
  return correlation?.carried === true && !seeded;
}

/** Writes the noise of the state after `step` steps, whole or not at all. */
export function saveNoise(paths: NoisePaths, session: Session, step: number, mark: LedgerMark): void {
  const buffers = session.noiseMemory();
  const tensors = new Map(
    buffers.map((values, i): [string, StoredTensor] => [`noise.${i}`, { shape: [values.length], values }]),
  );
  const metadata = { format: FORMAT, step: String(step), ...markMetadata(mark) };
  const bytes = encodeSafetensors(tensors, seal(tensors, metadata));
  try {
    writeAtomically(paths.noise, bytes, paths.previousNoise, OWNER_ALONE);
  } finally {
    bytes.fill(0);
    for (const buffer of buffers) buffer.fill(0);
  }
}

/**
 * Puts the noise of `state` into the session; what belongs to a later state is deleted. Throws a RunDirectoryError where it is
 * not there or damaged, naming the file.
 */
export function restoreNoise(
  paths: NoisePaths,
  state: Pick<LoadedState, "file" | "step" | "mark">,
  session: Session,
): void {
  let damaged = "";
  for (const file of [paths.noise, paths.previousNoise]) {
    const read = readIfWhole(file);
    if (read instanceof DataError) damaged += `; ${read.message}`;
    if (read === undefined || read instanceof DataError) continue;
    const { tensors, metadata } = read;
    const { step, ledgerSequence, ledgerHash } = metadata;
    const belongs = ledgerSequence === String(state.mark.sequence) && ledgerHash === state.mark.hash;
    if (metadata.format !== FORMAT || step !== String(state.step) || !belongs) continue;
    const buffers = Array.from({ length: tensors.size }, (_, i) => bufferOf(tensors.get(`noise.${i}`), file));
    session.loadNoiseMemory(buffers);
    for (const buffer of buffers) buffer.fill(0);
    if (file === paths.previousNoise) rmSync(paths.noise, { force: true });
    return;
  }
  throw new RunDirectoryError(
    `${paths.noise} is missing, or belongs to another checkpoint than ${state.file} (step ${state.step}): correlated noise cannot go ` +
      "on without what it remembers; put it back, or delete the checkpoints to start from the beginning, the steps counted" +
      damaged,
  );
}

/** The file; why it is damaged; undefined where there is none. */
function readIfWhole(file: string): TensorFile | DataError | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readCheckpoint(file);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

/** Of a run that is over. */
export function removeNoise({ noise, previousNoise }: NoisePaths): void {
  for (const file of [noise, previousNoise]) rmSync(file, { force: true });
}

function bufferOf(tensor: StoredTensor | undefined, file: string): Float32Array {
  if (tensor?.values instanceof Float32Array) return tensor.values;
  throw new DataError(`${file}: holds no buffers of noise`);
}
