/**
 * A run on disk. `state.safetensors` holds everything that resuming needs (parameters under `model.`, the optimizer's
 * buffers under `optimizer.SLOT.`, counters and thresholds as metadata) in one file, so that it is never half of one step and half of
 * another; the one before it is kept. `checkpoint.safetensors` holds the model alone, under PyTorch's names, and
 * `average.safetensors` the averaged parameters of a run that keeps them (in the state under `average.`, float64). All
 * name their format and hold a SHA-256 of all else in them; the state, and the models of a run without a seed, name the
 * ledger's last entry when they were written.
 */
import { existsSync } from "node:fs";
import { z } from "zod";
import { DataError } from "../data/dataset.js";
import { encodeSafetensors, type Tensor as StoredTensor, type TensorFile } from "../data/safetensors.js";
import type { LedgerMark } from "../privacy/ledger.js";
import { readCheckpoint, seal } from "./checkpoint-seal.js";
import { writeAtomically } from "./files.js";
import type { GivenMask } from "./given-mask.js";
import type { OptimizerState } from "./optimizer-state.js";
import type { AverageState, ParameterAverage } from "./parameter-average.js";
import type { Session } from "./session.js";
import type { SparsificationState } from "./sparsification.js";
import type { Tensors } from "./tensors.js";

/** Where a run stands, beside its tensors. */
export interface RunState {
  /** Steps that this model has taken. */
  readonly step: number;
  /** Spent on them, interruptions not counted. */
  readonly seconds: number;
}

/** What can be told about a checkpoint to whoever opens it elsewhere. */
export type CheckpointNotes = Readonly<Record<string, string>>;

const STATE_FORMAT = "hushgrad-state-2";
const AVERAGE = "average.";
/** No optimizer has as many; a count that a file claims is not looped over unchecked. */
const MOST_SLOTS = 16;
const MODEL_FORMAT = "hushgrad-model-1";

/** Metadata are strings: of a number, in digits; of a list, as JSON. */
const whole = z.string().regex(/^\d+$/, "expected a whole number").transform(Number).pipe(z.int());
const real = z
  .string()
  .regex(/^\d[\d.eE+-]*$/, "expected a number, at least 0")
  .transform(Number)
  .pipe(z.number());
const jsonOf = <T extends z.ZodType>(content: T) => z.string().transform(parsedJson).pipe(content);

function parsedJson(text: string, context: z.core.$RefinementCtx<string>): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.issues.push({ code: "custom", message: "expected JSON", input: text });
    return z.NEVER;
  }
}

const metadataSchema = z.object({
  format: z.literal(STATE_FORMAT),
  step: whole,
  seconds: real,
  slots: whole.pipe(z.int().max(MOST_SLOTS)),
  ledgerSequence: whole,
  ledgerHash: z.string(),
  /** The optimizer's numbers that all coordinates share. */
  shared: jsonOf(z.array(z.number().min(0))).optional(),
  /** C by group, of adaptive clipping. */
  thresholds: jsonOf(z.array(z.number().positive())).optional(),
  /** Of sparsification: public. */
  maskKey: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  maskRefresh: whole.optional(),
  maskRate: real.pipe(z.number().lt(1)).optional(),
  /** Of a mask that was not drawn: what it was chosen by. */
  maskFrom: z.enum(["public", "private"]).optional(),
});

/** Writes the files, each whole or not at all. `notes` become the model files' metadata. */
export function saveCheckpoint(
  paths: CheckpointPaths,
  { session, average }: { readonly session: Session; readonly average?: ParameterAverage | undefined },
  state: RunState,
  mark: LedgerMark,
  notes: CheckpointNotes,
): void {
  const parameters = session.parameters();
  const optimizer = session.optimizerState();
  const mask = session.givenMask;
  const tensors = new Map([...stored(parameters, "model."), ...storedMask(mask), ...storedAverage(average)]);
  optimizer.slots.forEach((slot, i) => {
    for (const [name, tensor] of stored(slot, `optimizer.${i}.`)) tensors.set(name, tensor);
  });
  const step = String(state.step);
  write(paths.checkpoint, new Map(stored(parameters, "")), { ...notes, format: MODEL_FORMAT, step });
  if (average) {
    const described = { ...notes, format: MODEL_FORMAT, step, averageDecay: String(average.decay) };
    write(paths.average, new Map(stored(average.tensors(), "")), described);
  }
  const counters = {
    format: STATE_FORMAT,
    step,
    ...markMetadata(mark),
    seconds: String(state.seconds),
    slots: String(optimizer.slots.length),
    shared: JSON.stringify(optimizer.shared ?? []),
    thresholds: JSON.stringify(session.thresholds()),
    ...maskMetadata(session.sparsification),
    ...(mask ? { maskFrom: mask.from } : {}),
  };
  write(paths.state, tensors, counters, paths.previousState);
}

/** The ledger's last entry, as metadata. */
export function markMetadata({ sequence, hash }: LedgerMark): CheckpointNotes {
  return { ledgerSequence: String(sequence), ledgerHash: hash };
}

function write(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
  previous?: string,
): void {
  writeAtomically(path, encodeSafetensors(tensors, seal(tensors, metadata)), previous);
}

function maskMetadata(state: SparsificationState | undefined): Record<string, string> {
  if (!state) return {};
  const { key, refresh, rate } = state;
  return { maskKey: Buffer.from(key).toString("hex"), maskRefresh: String(refresh), maskRate: String(rate) };
}

function storedAverage(average: ParameterAverage | undefined): [string, StoredTensor][] {
  return Object.entries(average?.state ?? {}).map(([name, tensor]) => [AVERAGE + name, tensor]);
}

function averageOf(tensors: ReadonlyMap<string, StoredTensor>): AverageState {
  const entries = [...tensors].flatMap(([name, { shape, values }]) =>
    name.startsWith(AVERAGE) && values instanceof Float64Array
      ? [[name.slice(AVERAGE.length), { shape, values }] as const]
      : [],
  );
  return Object.fromEntries(entries);
}

function storedMask(mask: GivenMask | undefined): [string, StoredTensor][] {
  return Object.entries(mask?.kept ?? {}).map(([name, values]) => [`mask.${name}`, { shape: [values.length], values }]);
}

export interface CheckpointPaths {
  readonly checkpoint: string;
  readonly average: string;
  readonly state: string;
  /** The state before that. */
  readonly previousState: string;
}

/** A state file that is whole, and not yet in a session. */
export interface LoadedState extends RunState {
  readonly file: string;
  /** The ledger's last entry when it was written. */
  readonly mark: LedgerMark;
  /** Why a later one was passed over: names the file and what is wrong with it. */
  readonly damaged: string | undefined;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: z.output<typeof metadataSchema>;
}

/**
 * The last state that is whole; undefined if there is none at all. Throws a DataError naming the file where one is there
 * but none is whole.
 */
export function loadLastState({ state, previousState }: CheckpointPaths): LoadedState | undefined {
  let damaged: string | undefined;
  for (const file of [state, previousState]) {
    if (!existsSync(file)) continue;
    try {
      return { ...stateOf(readCheckpoint(file), file), damaged };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      damaged = damaged === undefined ? error.message : `${damaged}; ${error.message}`;
    }
  }
  if (damaged === undefined) return undefined;
  throw new DataError(
    `${damaged}; no other checkpoint is there: delete it to start from the beginning, its steps counted`,
  );
}

/** The state in a checkpoint that is whole. Throws a DataError naming `file` where its metadata are not a state's. */
export function stateOf(read: TensorFile, file: string): Omit<LoadedState, "damaged"> {
  const metadata = parseMetadata(file, read.metadata);
  const { step, seconds, ledgerSequence: sequence, ledgerHash: hash } = metadata;
  return { file, step, seconds, mark: { sequence, hash }, tensors: read.tensors, metadata };
}

/** Puts a state's tensors into the session and the average. Throws a DataError naming the file and what is of another model. */
export function restoreState(loaded: Omit<LoadedState, "damaged">, session: Session, average?: ParameterAverage): void {
  try {
    putState(loaded, session);
    average?.load(averageOf(loaded.tensors));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${loaded.file}: ${(error as Error).message}`);
  }
}

function putState({ file, tensors, metadata }: Omit<LoadedState, "damaged">, session: Session): void {
  const { step, slots, shared = [], thresholds } = metadata;
  session.loadParameters(withPrefix(file, tensors, "model."));
  const state: OptimizerState = {
    step,
    slots: Array.from({ length: slots }, (_, i) => withPrefix(file, tensors, `optimizer.${i}.`)),
    shared,
  };
  session.loadOptimizerState(state);
  if (thresholds) session.loadThresholds(thresholds);
  restoreMask(session, metadata, () => maskOf(file, tensors));
}

function restoreMask(
  session: Session,
  { maskKey, maskRefresh, maskRate, maskFrom }: z.output<typeof metadataSchema>,
  given: () => GivenMask["kept"],
): void {
  if (maskKey === undefined || maskRefresh === undefined || maskRate === undefined) return;
  const key = new Uint8Array(Buffer.from(maskKey, "hex"));
  session.setSparsification({ key, refresh: maskRefresh, rate: maskRate });
  if (maskFrom !== undefined) session.setMask({ kept: given(), from: maskFrom, refresh: maskRefresh });
}

function maskOf(path: string, tensors: ReadonlyMap<string, StoredTensor>): GivenMask["kept"] {
  const entries = [...tensors].flatMap(([name, { values }]) => {
    if (!name.startsWith("mask.")) return [];
    if (!(values instanceof Uint8Array)) throw new DataError(`${path}: tensor '${name}' is not uint8`);
    return [[name.slice("mask.".length), values] as const];
  });
  return Object.fromEntries(entries);
}

function parseMetadata(path: string, metadata: Readonly<Record<string, string>>): z.output<typeof metadataSchema> {
  const parsed = metadataSchema.safeParse(metadata);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(`${path}: metadata ${issue?.path.join(".")}: ${issue?.message}`);
}

function stored(tensors: Tensors, prefix: string): [string, StoredTensor][] {
  return Object.entries(tensors).map(([name, { shape, data }]) => [prefix + name, { shape, values: data }]);
}

function withPrefix(path: string, tensors: ReadonlyMap<string, StoredTensor>, prefix: string): Tensors {
  const found: Tensors = {};
  for (const [name, { shape, values }] of tensors) {
    if (!name.startsWith(prefix)) continue;
    if (!(values instanceof Float32Array)) throw new DataError(`${path}: tensor '${name}' is not float32`);
    found[name.slice(prefix.length)] = { shape, data: values };
  }
  return found;
}
