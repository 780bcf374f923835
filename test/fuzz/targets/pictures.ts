/** Pictures, through files as training reads them. The decoder is libvips: each case takes about a millisecond. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError } from "../../../src/data/dataset.js";
import { type DecodePicture, decodeMask, decodeWhole, pictureDecoder } from "../../../src/data/decode-picture.js";
import { changedBytes } from "../bytes.js";
import { defineTarget, promise } from "../fuzz.js";

const folder = fileURLToPath(new URL("../../fixtures/pictures", import.meta.url));
const files = readdirSync(folder)
  .filter((name) => /\.(png|jpe?g|webp|tiff?|gif|avif)$/.test(name))
  .map((name) => readFileSync(join(folder, name)));

let place: { readonly path: string; readonly decode: DecodePicture } | undefined;
const into = new Uint8Array(3 * 5 * 7);

export const picture = defineTarget({
  name: "picture",
  errors: [DataError],
  make: (random) => ({ bytes: changedBytes(random, files), way: random.below(3) }),
  async run({ bytes, way }) {
    place ??= {
      path: join(mkdtempSync(join(tmpdir(), "hushgrad-fuzz-")), "picture"),
      decode: await pictureDecoder({ channels: 3, height: 5, width: 7, resize: "crop" }),
    };
    writeFileSync(place.path, bytes);
    if (way === 0) return place.decode(place.path, into, 0);
    const { values, height, width } = await (way === 1 ? decodeWhole(place.path, 1) : decodeMask(place.path));
    promise(values.length === height * width, "another size");
  },
  quickCases: 200,
});
