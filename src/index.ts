/**
 * hushgrad: train models on private records, with a differential privacy guarantee, at the price of ordinary training.
 *
 * ```ts
 * import { createSession, crossEntropy, mnistCnn, sgd } from "hushgrad";
 *
 * const session = createSession(mnistCnn(), {
 *   loss: crossEntropy(),
 *   optimizer: sgd({ learningRate: 0.5 }),
 *   clipping: { function: "abadi", style: "flat", threshold: 1 },
 *   privacy: { noiseMultiplier: 1.1, expectedBatchSize: 512 },
 * });
 * ```
 *
 * `Trainer` samples the batches itself and accounts for them: only what it trains earns an ε.
 */

// ---- Noise that is correlated from step to step
export {
  type Correlation,
  type CorrelationConfig,
  type CorrelationSetting,
  makeCorrelation,
  type Participation,
  prefixSums,
  type Workload,
} from "./correlation/index.js";
// ---- Data
export { type Augmentation, AugmentedDataset } from "./data/augment.js";
export { type Cifar100Options, type CifarOptions, loadCifar10, loadCifar100 } from "./data/cifar.js";
export { type CsvPicturesOptions, loadCsvPictures } from "./data/csv-pictures.js";
export { DataError, type Dataset, type TargetKind, withWeights } from "./data/dataset.js";
export { type IdxArray, IdxError, type IdxErrorCode, idxDataset, parseIdx, readIdx } from "./data/idx.js";
export { type ImageFolder, type ImageFolderOptions, loadImageFolder } from "./data/image-folder.js";
export { ArrayDataset, type ArrayDatasetOptions, ByteDataset, type ByteDatasetOptions } from "./data/memory.js";
export { loadMnist, type MnistOptions, mnistNormalization } from "./data/mnist.js";
export { type Normalization, publishedNormalizations } from "./data/normalization.js";
export { type NpyArray, type NpyType, type NpyValues, parseNpy, readNpy } from "./data/npy.js";
export { loadNpyDataset, type NpyDatasetOptions } from "./data/npy-dataset.js";
export { readNpz } from "./data/npz.js";
export { PoissonSampler, type PoissonSamplerOptions } from "./data/poisson.js";
export { prefetch } from "./data/prefetch.js";
export { type ResizeOptions, resizeDataset } from "./data/resized.js";
export {
  type DType,
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  type TensorFile,
  writeSafetensors,
} from "./data/safetensors.js";
export { loadSegmentationFolder, type SegmentationFolderOptions } from "./data/segmentation-folder.js";
// ---- Models
export * from "./graph/index.js";
// ---- Kernels on a GPU
export * as device from "./kernels/device.js";
// ---- Kernels over the caller's own gradients
export * from "./kernels/index.js";
export * from "./layers/index.js";
export { layerFromJSON, type ModelConfig, modelFromJSON, modelSchema } from "./layers/model-json.js";
export * from "./losses/index.js";
export * from "./metrics/index.js";
export * from "./models/index.js";
// ---- Native
export type { BatchStatistics, LayerPlan, StrategyName, Targets } from "./native/binding.js";
export { NativeLoadError } from "./native/load.js";
export * from "./optimizers/index.js";
export * as schedules from "./optimizers/schedules/index.js";
// ---- Privacy
export { type Accountant, accountantNames, type EpsilonReport, makeAccountant } from "./privacy/accountant.js";
export type { AdaptiveConfig } from "./privacy/adaptive-threshold.js";
export { BudgetExceededError, PrivacyBudget } from "./privacy/budget.js";
export {
  type BudgetTarget,
  type CalibrationTarget,
  calibrateNoise,
  calibrateSamplingRate,
  calibrateSteps,
  type NoisePiece,
} from "./privacy/calibrate.js";
export { type ClipFunctionName, clipFunctions } from "./privacy/clip-functions.js";
export { PrivacyFilter, type PrivacyFilterOptions } from "./privacy/filter.js";
export { type Charge, type Ledger, type LedgerEntry, LedgerError } from "./privacy/ledger.js";
export { type Composition, composeLedgers, type LedgerShare } from "./privacy/ledger-compose.js";
export type { MechanismSteps, SampledGaussian } from "./privacy/mechanism.js";
export { PrivacyOdometer, type PrivacyOdometerOptions } from "./privacy/odometer.js";
export { RandomKeys, type RandomPurpose, RandomStream } from "./privacy/random.js";
export { type Relation, relations } from "./privacy/relation.js";
export { drawRuns, type RunLaw, runLaws, selectionEpsilon } from "./privacy/selection.js";
export { type ClippingConfig, clippingStyles, type GroupConfig, sensitivity } from "./privacy/sensitivity.js";
export { type PrivacyStatement, privacyStatement } from "./privacy/statement.js";
export type { PrivacyFacts } from "./privacy/statement-facts.js";
export { calibrateSampling, type SamplingTarget } from "./sampling/calibrate.js";
export { makeSampling, type Sampling, type SamplingConfig, type SamplingSetting } from "./sampling/index.js";
// ---- Training
export type { Batch, BatchSource, EvaluationBatch, EvaluationSource } from "./training/batch.js";
export { readCheckpoint } from "./training/checkpoint-seal.js";
export type { CompressionOptions } from "./training/compression.js";
export {
  parseConfig,
  readConfig,
  type TrainingConfig,
  type TrainingConfigInput,
} from "./training/config.js";
export { ConfigError } from "./training/config-errors.js";
export { loadData } from "./training/data-config.js";
export type { DataConfig, TrainingData } from "./training/data-formats.js";
export { type EvaluationResult, evaluateDataset } from "./training/evaluate.js";
export type { EpochEvent, StepEvent, StopReason, TrainerEvents, TrainingResult } from "./training/events.js";
export type { GivenMask } from "./training/given-mask.js";
export type { OptimizerState } from "./training/optimizer-state.js";
export { RunDirectoryError, readRunLedger } from "./training/run-directory.js";
export { createSession, type Session } from "./training/session.js";
export type {
  CallOptions,
  ClippedSum,
  Evaluation,
  PerExampleGradients,
  StepOptions,
  StepStatistics,
} from "./training/session-calls.js";
export { type PrivacyOptions, type SessionOptions, strategyNames } from "./training/session-options.js";
export type { SessionPlan } from "./training/session-plan.js";
export type {
  SparsificationOptions,
  SparsificationRefresh,
  SparsificationState,
  SparsificationStructure,
} from "./training/sparsification.js";
export type { Tensor, Tensors } from "./training/tensors.js";
export { type RunWatcher, Trainer, type TrainerOptions, type WatchedSession } from "./training/trainer.js";
export { UnmovedParametersError } from "./training/unmoved.js";
