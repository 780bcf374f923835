/**
 * Pictures that a CSV file lists, a line each with the picture's path and its label. Decoded as `example-files.ts` says;
 * whatever is wrong with a picture is told with the line that names it.
 */
import { dirname, resolve } from "node:path";
import { CsvError, parse } from "csv-parse/sync";
import { checkObject, checkText, checkTexts } from "../arguments.js";
import { DataError } from "./dataset.js";
import { pictureDecoder } from "./decode-picture.js";
import {
  checkFilesOptions,
  type ExampleFiles,
  type ExampleFilesOptions,
  type LoadedFiles,
  loadExampleFiles,
} from "./example-files.js";
import { type Normalization, unitRange } from "./normalization.js";
import { type PictureOptions, pictureFormat } from "./picture-options.js";
import { readRegularFile } from "./read-file.js";

export interface CsvPicturesOptions extends PictureOptions, ExampleFilesOptions {
  /** The CSV file, UTF-8, its first line the columns' names. Relative paths in it start at its folder. */
  readonly file: string;
  /** Names of the columns; `path` and `label` by default. */
  readonly pathColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
  /** `,` by default. */
  readonly delimiter?: string | undefined;
  /**
   * Names that labels are, in the order of their numbers. Public: a list counted in the file would be a fact about its
   * records. Without it, labels are numbers from 0 on.
   */
  readonly classes?: readonly string[] | undefined;
  /** Bytes / 255 by default. */
  readonly normalization?: Normalization | undefined;
}

const MOST_BYTES = 256 * 2 ** 20;
const MOST_LINE_BYTES = 65_536;

/** A picture in the list. */
export interface PictureRow {
  readonly line: number;
  readonly path: string;
  readonly label: string;
}

/** Reads the list, decodes and checks the pictures. Rejects with a DataError that names the file and the lines at fault. */
export async function loadCsvPictures(options: CsvPicturesOptions): Promise<LoadedFiles> {
  checkObject("options", options, "an object of file, size, …");
  const { file, normalization = unitRange } = options;
  checkText("file", file);
  if (options.classes !== undefined) checkTexts("classes", options.classes);
  const format = pictureFormat(options);
  const checked = checkFilesOptions(options);
  const rows = parsePictureRows(await readRegularFile(file, MOST_BYTES), options);
  const decode = await pictureDecoder(format);
  const numbers = options.classes && new Map(options.classes.map((name, index) => [name, index]));
  const files: ExampleFiles<Uint8Array> = {
    size: rows.length,
    inputShape: [format.channels, format.height, format.width],
    targetShape: [],
    normalization,
    allocate: (length) => new Uint8Array(length),
    async decode(index, pixels, pixelStart, targets, targetStart) {
      const { line, path, label } = rows[index] as PictureRow;
      try {
        targets[targetStart] = classOf(label, numbers);
        if (path === "") throw new Error("an empty path");
        await decode(resolve(dirname(file), path), pixels, pixelStart);
      } catch (error) {
        throw new DataError(`${file}, line ${line}: ${(error as Error).message}`);
      }
    },
  };
  return loadExampleFiles(files, file, checked);
}

/** The list in a file's bytes; nothing it names is looked at. Throws a DataError as `loadCsvPictures` does. */
export function parsePictureRows(
  bytes: Uint8Array,
  options: Pick<CsvPicturesOptions, "file" | "pathColumn" | "labelColumn" | "delimiter">,
): PictureRow[] {
  const { file, pathColumn = "path", labelColumn = "label", delimiter = "," } = options;
  for (const [name, text] of Object.entries({ pathColumn, labelColumn, delimiter })) checkText(name, text);
  const [header, ...records] = parseCsv(bytes, file, delimiter);
  if (!header) throw new DataError(`${file}: no line with the columns' names in it`);
  const column = (name: string) => {
    const index = header.record.indexOf(name);
    if (index !== -1 && index === header.record.lastIndexOf(name)) return index;
    const names = header.record.map((each) => JSON.stringify(each)).join(", ");
    throw new DataError(
      `${file}: ${index === -1 ? "no" : "more than one"} column ${JSON.stringify(name)}, but ${names}`,
    );
  };
  const path = column(pathColumn);
  const label = column(labelColumn);
  if (records.length === 0) throw new DataError(`${file}: no pictures in it, only the columns' names`);
  return records.map(({ record, line }) => ({
    line,
    path: record[path] as string,
    label: record[label] as string,
  }));
}

/** Records as lists, so that no column's name can be mistaken for a property. */
function parseCsv(bytes: Uint8Array, file: string, delimiter: string): { record: string[]; line: number }[] {
  const options = {
    bom: true,
    delimiter,
    info: true,
    max_record_size: MOST_LINE_BYTES,
    skip_empty_lines: true,
  } as const;
  try {
    const records = parse(bytes, options) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    if (error instanceof CsvError) throw new DataError(`${file}: ${error.message}`);
    throw error;
  }
}

function classOf(label: string, numbers: ReadonlyMap<string, number> | undefined): number {
  const found = numbers ? numbers.get(label) : /^\d{1,9}$/.test(label) ? Number(label) : undefined;
  if (found !== undefined) return found;
  throw new Error(`label ${JSON.stringify(label)}, ${numbers ? "a name of `classes`" : "a number from 0 on"} expected`);
}
