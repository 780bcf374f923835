/** Pictures in folders, `{folder}/{class}/*.jpg`: decoded as `example-files.ts` says. */
import { checkObject, checkText, checkTexts } from "../arguments.js";
import { type DecodePicture, pictureDecoder } from "./decode-picture.js";
import {
  checkFilesOptions,
  type ExampleFiles,
  type ExampleFilesOptions,
  type LoadedFiles,
  loadExampleFiles,
} from "./example-files.js";
import { type Normalization, unitRange } from "./normalization.js";
import { listPictures, type PictureList } from "./picture-list.js";
import { type PictureOptions, pictureFormat } from "./picture-options.js";

export interface ImageFolderOptions extends PictureOptions, ExampleFilesOptions {
  /** Holds a folder a class. */
  readonly folder: string;
  /** Bytes / 255 by default. */
  readonly normalization?: Normalization | undefined;
  /** Class folders of the training split, for another split: see `listPictures`. */
  readonly classes?: readonly string[] | undefined;
}

export interface ImageFolder extends LoadedFiles {
  readonly classes: readonly string[];
}

/** Lists, decodes and checks the pictures. Rejects with a DataError that names the folder or the files at fault. */
export async function loadImageFolder(options: ImageFolderOptions): Promise<ImageFolder> {
  checkObject("options", options, "an object of folder, size, …");
  const { folder, normalization = unitRange } = options;
  checkText("folder", folder);
  if (options.classes !== undefined) checkTexts("classes", options.classes);
  const format = pictureFormat(options);
  const checked = checkFilesOptions(options);
  const list = listPictures(folder, options.classes);
  const decode = await pictureDecoder(format);
  const inputShape = [format.channels, format.height, format.width];
  const files = labelledPictures(list, inputShape, normalization, decode);
  return { ...(await loadExampleFiles(files, folder, checked)), classes: list.classes };
}

function labelledPictures(
  { paths, labels }: Pick<PictureList, "paths" | "labels">,
  inputShape: readonly number[],
  normalization: Normalization,
  decode: DecodePicture,
): ExampleFiles<Uint8Array> {
  return {
    size: paths.length,
    inputShape,
    targetShape: [],
    normalization,
    allocate: (length) => new Uint8Array(length),
    async decode(index, pixels, pixelStart, targets, targetStart) {
      targets[targetStart] = labels[index] as number;
      await decode(paths[index] as string, pixels, pixelStart);
    },
  };
}
