/**
 * Which pictures a folder holds: a sub-folder a class, classes numbered in the order of their names, pictures in the
 * order of their paths, as torchvision's ImageFolder does. Only names are looked at here, never a file's content.
 */
import { type Dirent, readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { DataError } from "./dataset.js";

export interface PictureList {
  /** Names of the class folders, sorted: class i is `classes[i]`. */
  readonly classes: readonly string[];
  readonly paths: readonly string[];
  /** [paths.length] */
  readonly labels: Int32Array;
}

/** What counts as a picture; other files are no part of the data. bmp, ppm and pgm do, and are told to be unreadable. */
export const pictureExtensions: ReadonlySet<string> = new Set(
  ["jpg", "jpeg", "png", "webp", "tif", "tiff", "gif", "avif", "bmp", "ppm", "pgm"].map((name) => `.${name}`),
);

/**
 * Lists `folder`. A class folder may be empty: that it is there is public, what it holds is not.
 * @param classes of the training split, for another split: its class folders must be among them, and get their numbers.
 * Throws a DataError for a folder that is not there, has no class folders, no pictures or another class, and for a
 * symbolic link to a folder inside a class folder. Links to pictures and class folders are followed.
 */
export function listPictures(folder: string, classes?: readonly string[]): PictureList {
  const found = entriesOf(folder)
    .filter((entry) => isFolder(folder, entry))
    .map(({ name }) => name);
  if (found.length === 0) throw new DataError(`${folder}: no class folders in it`);
  const known = classes ?? found;
  const paths: string[] = [];
  const labels: number[] = [];
  for (const name of found) {
    const label = known.indexOf(name);
    if (label === -1) throw new DataError(`${join(folder, name)}: not a class of the training pictures`);
    const before = paths.length;
    addPictures(join(folder, name), paths);
    for (let i = before; i < paths.length; i++) labels.push(label);
  }
  if (paths.length === 0) throw new DataError(`${folder}: no pictures in its class folders`);
  return { classes: known, paths, labels: Int32Array.from(labels) };
}

function addPictures(folder: string, paths: string[]): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) addPictures(path, paths);
    else if (entry.isSymbolicLink() && isFolder(folder, entry)) {
      throw new DataError(
        `${path}: a symbolic link to a folder, which could lead around for ever; none is followed here`,
      );
    } else if (pictureExtensions.has(extname(entry.name).toLowerCase())) paths.push(path);
  }
}

/** What a folder holds, sorted by name, hidden entries left out. Throws a DataError that says why it cannot be listed. */
export function entriesOf(folder: string): Dirent[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw new DataError(`${folder}: ${whyNoFolder(error as NodeJS.ErrnoException)}`);
  }
  return entries.filter(({ name }) => !name.startsWith(".")).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function whyNoFolder({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "there is no such folder";
  return code === "ENOTDIR" ? "it is a file, not a folder" : message;
}

function isFolder(parent: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(join(parent, entry.name)).isDirectory();
  } catch {
    return false; // a link to nothing or to itself: whoever reads it is told
  }
}
