/** The formats that a configuration's `data` may name: what each says in JSON, and how it is read. One row a format. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { multiplicityRange } from "../data/augment.js";
import { cifarLabels, loadCifar10, loadCifar100 } from "../data/cifar.js";
import { loadCsvPictures } from "../data/csv-pictures.js";
import { DataError, type Dataset } from "../data/dataset.js";
import { resizeModes } from "../data/decode-picture.js";
import { corruptModes, type LoadedFiles } from "../data/example-files.js";
import { idxDataset } from "../data/idx.js";
import { type ImageFolder, loadImageFolder } from "../data/image-folder.js";
import { loadMnist } from "../data/mnist.js";
import { type Normalization, publishedNormalizations } from "../data/normalization.js";
import { loadNpyDataset } from "../data/npy-dataset.js";
import { MOST_SIDE } from "../data/picture-options.js";
import { resizeDataset } from "../data/resized.js";
import { loadSegmentationFolder } from "../data/segmentation-folder.js";
import { configObject } from "./config-errors.js";
import { allowed, choice, flag, positive, text, whole } from "./config-values.js";

/** What reading gives. */
export interface TrainingData {
  readonly train: Dataset;
  readonly test?: Dataset | undefined;
  /** Public names of the classes, by number, where the format knows them. */
  readonly classes?: readonly string[] | undefined;
  /** Files left out, as configured: path and reason of each. */
  readonly skipped?: readonly string[] | undefined;
}

interface Format<S extends z.ZodType> {
  readonly schema: S;
  /** Relative paths start at `base`. */
  load(data: z.output<S>, base: string): TrainingData | Promise<TrainingData>;
}

const defineFormat = <S extends z.ZodType>(format: Format<S>): Format<S> => format;

const names = Object.keys(publishedNormalizations) as [keyof typeof publishedNormalizations];
const perChannel = <V extends z.ZodNumber>(value: V, what: string) =>
  z.union([value, z.array(value).min(1)], { error: () => allowed(`${what}, or a list with one a channel`) });
const constants = configObject({
  mean: perChannel(z.number(), "a number"),
  std: perChannel(positive(), "a number above 0"),
  /** What numbers are divided by first: bytes by 255, others by 1 unless given. */
  divisor: positive().optional(),
});
const normalization = z
  .unknown()
  .transform((value, context): Normalization => {
    if (typeof value === "string" && Object.hasOwn(publishedNormalizations, value)) {
      return publishedNormalizations[value as (typeof names)[number]];
    }
    if (typeof value === "object" && value !== null) {
      const parsed = constants.safeParse(value);
      if (parsed.success) return parsed.data;
      context.issues.push(...(parsed.error.issues as unknown as z.core.$ZodRawIssue[]));
      return z.NEVER;
    }
    context.addIssue({ code: "custom", message: allowed(`${names.join(", ")}, or an object with mean and std`) });
    return z.NEVER;
  })
  .optional();

const padding = whole(0, 1024);
const rangeOf = (most: number, what: string) =>
  z
    .tuple([positive(what).max(most, allowed(what)), positive(what).max(most, allowed(what))], allowed(what))
    .refine(([least, largest]) => least <= largest, allowed(what));
/** Of training pictures, drawn anew whenever one is read. */
const augmentation = configObject({
  /** Cuts a part out, of such a share of the area and such a width by height, and resizes it to the picture's size. */
  resize: configObject({
    scale: rangeOf(1, "a list of two numbers above 0 and at most 1, the smaller one first"),
    ratio: rangeOf(Number.MAX_VALUE, "a list of two numbers above 0, the smaller one first").optional(),
  }).optional(),
  /** Shifts each picture by up to so many pixels; black moves in. */
  crop: configObject({ padding }).optional(),
  /** Mirrors left and right, half of the time. */
  flip: flag.optional(),
  /** Changed copies of each picture in a step, which are one example. */
  multiplicity: whole(1, multiplicityRange.max).optional(),
}).optional();
/** A JSON file: a list of public weights, one a training example. */
const weights = text.optional();
const common = { normalization, augmentation, weights };

const side = whole(1, MOST_SIDE);
/** Height and width, or one number for both. */
const size = z.union([side, z.tuple([side, side])], {
  error: () => allowed("a whole number from 1 to 16,384, or a list of two: height, width"),
});
/** Of formats whose examples lie in arrays: pictures keep the arrays' size unless one is given. */
const arrays = { size: size.optional(), resize: choice(resizeModes).optional(), ...common };
/** Of formats whose examples lie in files of their own. */
const files = {
  size,
  channels: z.union([z.literal(1), z.literal(3)], { error: () => allowed("1 or 3") }).default(3),
  corrupt: choice(corruptModes).default("fail"),
  /** Decoded pictures of a split stay in memory up to this. */
  memoryMegabytes: z.number(allowed("a number, at least 0")).min(0, allowed("a number, at least 0")).default(1024),
};
/** Folders of the splits; without `test`, a folder of that name is read where there is one. */
const splits = { folder: text, train: text.default("train"), test: text.optional() };

interface Splits {
  readonly folder: string;
  readonly train: string;
  readonly test?: string | undefined;
}

const inBytes = <D extends { readonly memoryMegabytes: number }>(data: D) => ({
  ...data,
  memoryBytes: data.memoryMegabytes * 2 ** 20,
});

async function loadSplits<L extends LoadedFiles>(
  data: Splits,
  base: string,
  load: (folder: string, train?: L) => Promise<L>,
): Promise<TrainingData> {
  const root = resolve(base, data.folder);
  const train = await load(resolve(root, data.train));
  const testFolder = resolve(root, data.test ?? "test");
  const hasTest = data.test !== undefined || existsSync(testFolder);
  return bothSplits(train, hasTest ? await load(testFolder, train) : undefined);
}

function bothSplits(train: LoadedFiles, test: LoadedFiles | undefined): TrainingData {
  return { train: train.dataset, test: test?.dataset, skipped: [...train.skipped, ...(test?.skipped ?? [])] };
}

/** Both splits, at the size that was asked for. */
function atSize(data: z.output<z.ZodObject<typeof arrays>>, train: Dataset, test?: Dataset): TrainingData {
  const { size, resize } = data;
  if (size === undefined && resize !== undefined) {
    throw new DataError(`resize: "${resize}" given without a size; say "size" too`);
  }
  const resized = (dataset: Dataset) => (size === undefined ? dataset : resizeDataset(dataset, { size, resize }));
  return { train: resized(train), test: test && resized(test) };
}

const filePair = configObject({ images: text, labels: text });
const classNames = z
  .array(text, allowed("a list of names"))
  .min(1, allowed("at least one"))
  .refine((names) => new Set(names).size === names.length, allowed("names that differ"));
/** Files, or names of arrays in the archive `npz`. */
const arrayPair = configObject({ images: text, labels: text, npz: text.optional() });

const formats = {
  mnist: defineFormat({
    schema: configObject({ format: z.literal("mnist"), folder: text.optional(), ...arrays }),
    load(data, base) {
      const { folder, normalization } = data;
      const options = { ...(folder ? { folder: resolve(base, folder) } : {}), ...(normalization && { normalization }) };
      return atSize(data, loadMnist("train", options), loadMnist("test", options));
    },
  }),

  idx: defineFormat({
    schema: configObject({ format: z.literal("idx"), train: filePair, test: filePair.optional(), ...arrays }),
    load(data, base) {
      const load = (pair: typeof data.train) =>
        idxDataset(resolve(base, pair.images), resolve(base, pair.labels), data.normalization);
      return atSize(data, load(data.train), data.test && load(data.test));
    },
  }),

  npy: defineFormat({
    schema: configObject({ format: z.literal("npy"), train: arrayPair, test: arrayPair.optional(), ...arrays }),
    async load(data, base) {
      const { train, test, normalization } = data;
      const load = ({ images, labels, npz }: typeof train) =>
        npz === undefined
          ? loadNpyDataset({ images: resolve(base, images), labels: resolve(base, labels), normalization })
          : loadNpyDataset({ images, labels, npz: resolve(base, npz), normalization });
      return atSize(data, await load(train), test && (await load(test)));
    },
  }),

  csv: defineFormat({
    schema: configObject({
      format: z.literal("csv"),
      train: text,
      test: text.optional(),
      pathColumn: text.default("path"),
      labelColumn: text.default("label"),
      delimiter: z.string(allowed("one character")).length(1, allowed("one character")).default(","),
      /** What labels are called, in the order of their numbers; numbers from 0 on without it. */
      classes: classNames.optional(),
      ...files,
      resize: choice(resizeModes).default("crop"),
      ...common,
    }),
    async load(data, base) {
      const options = inBytes(data);
      const load = (file: string) => loadCsvPictures({ ...options, file: resolve(base, file) });
      const test = data.test === undefined ? undefined : await load(data.test);
      return { ...bothSplits(await load(data.train), test), classes: data.classes };
    },
  }),

  cifar10: defineFormat({
    schema: configObject({ format: z.literal("cifar10"), folder: text, ...arrays }),
    load(data, base) {
      const options = { folder: resolve(base, data.folder), normalization: data.normalization };
      return atSize(data, loadCifar10("train", options), loadCifar10("test", options));
    },
  }),

  cifar100: defineFormat({
    schema: configObject({
      format: z.literal("cifar100"),
      folder: text,
      labels: choice(cifarLabels).default("fine"),
      ...arrays,
    }),
    load(data, base) {
      const { labels, normalization } = data;
      const options = { folder: resolve(base, data.folder), labels, normalization };
      return atSize(data, loadCifar100("train", options), loadCifar100("test", options));
    },
  }),

  "image-folder": defineFormat({
    schema: configObject({
      format: z.literal("image-folder"),
      ...splits,
      ...files,
      resize: choice(resizeModes).default("crop"),
      ...common,
    }),
    async load(data, base) {
      const options = inBytes(data);
      let classes: readonly string[] | undefined;
      const splits = await loadSplits(data, base, async (folder, train?: ImageFolder) => {
        const loaded = await loadImageFolder({ ...options, folder, classes: train?.classes });
        classes ??= loaded.classes;
        return loaded;
      });
      return { ...splits, classes };
    },
  }),

  "segmentation-folder": defineFormat({
    schema: configObject({
      format: z.literal("segmentation-folder"),
      ...splits,
      ...files,
      /** Masks' values to class indices. */
      maskMap: z
        .record(z.string().regex(/^-?\d{1,10}$/), z.int32(), allowed('an object of whole numbers, such as {"255": 1}'))
        .optional(),
      ...common,
    }),
    load(data, base) {
      const options = inBytes(data);
      return loadSplits(data, base, (folder) => loadSegmentationFolder({ ...options, folder }));
    },
  }),
};

type Formats = typeof formats;
type Schema = Formats[keyof Formats]["schema"];

/** A configuration's `data`. */
export type DataConfig = z.output<Schema>;

export const dataSchema = z.discriminatedUnion(
  "format",
  Object.values(formats).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
  { error: () => allowed(`an object with "format" ${Object.keys(formats).join(", ")}`) },
);

/** Reads what the configuration names. Rejects with a DataError that names the file and what is wrong with it. */
export async function readFormat(data: DataConfig, base: string): Promise<TrainingData> {
  // The key and the value belong together, which the compiler cannot follow through a union.
  const format = formats[data.format] as unknown as Format<z.ZodType<DataConfig, DataConfig>>;
  return format.load(data, base);
}
