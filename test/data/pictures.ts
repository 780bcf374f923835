/** Pictures that test/fixtures/pictures/make.py made, and folders of them. */
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../training/tiny.js";

export const pictures = fileURLToPath(new URL("../fixtures/pictures", import.meta.url));

/** A folder with copies of fixtures: `{ "train/cat/1.png": "rgb.png" }`. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [path, fixture] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(join(pictures, fixture), join(root, path));
  }
  return root;
}
