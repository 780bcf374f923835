import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/data/dataset.js";
import { type PictureFormat, pictureDecoder } from "../../src/data/decode-picture.js";
import { readSafetensors } from "../../src/data/safetensors.js";
import { temporaryFolder } from "../training/tiny.js";
import { pictures } from "./pictures.js";

const { tensors } = readSafetensors(join(pictures, "expected.safetensors"));
const format: PictureFormat = { channels: 3, height: 5, width: 7, resize: "crop" };

async function decode(path: string, as: PictureFormat = format): Promise<Uint8Array> {
  const bytes = new Uint8Array(as.channels * as.height * as.width);
  await (await pictureDecoder(as))(path, bytes, 0);
  return bytes;
}

/** Where decoders may differ: resampling rounds twice, AVIF's colours are spread differently, CMYK has no one meaning. */
function tolerance(name: string): number {
  if (name.includes(" to 16")) return 2;
  if (name === "picture.avif") return 10;
  return name === "cmyk.jpg" ? 64 : 0;
}

describe("pictureDecoder gives what Pillow and torchvision give", () => {
  it.each([...tensors.keys()])("%s", async (name) => {
    const { shape, values } = tensors.get(name) as { shape: readonly number[]; values: Uint8Array };
    const [channels, height, width] = shape as [1 | 3, number, number];
    const resize = name.includes("stretched") ? "stretch" : "crop";
    const file = name.replace("luma of ", "").split(" ")[0] as string;
    const bytes = await decode(join(pictures, file), { channels, height, width, resize });
    const differences = Array.from(bytes, (byte, i) => Math.abs(byte - (values[i] as number)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(tolerance(name));
    expect(differences.reduce((sum, one) => sum + one, 0) / bytes.length).toBeLessThanOrEqual(tolerance(name) / 3);
  });

  it("gives every size that is asked for, of large and of small pictures", async () => {
    const side = fc.integer({ min: 1, max: 40 });
    const resize = fc.constantFrom("crop" as const, "stretch" as const);
    const file = fc.constantFrom("rgb.png", "large.png", "large.jpg", "rgba.png", "gray16.png");
    await fc.assert(
      fc.asyncProperty(side, side, resize, file, async (height, width, resize, file) => {
        await decode(join(pictures, file), { channels: 3, height, width, resize });
      }),
      { numRuns: 60 },
    );
  });

  it("writes where it is told and nowhere else", async () => {
    const bytes = new Uint8Array(3 * 35 + 20).fill(9);
    await (await pictureDecoder(format))(join(pictures, "rgb.png"), bytes, 10);
    expect(bytes.subarray(10, 115)).toEqual(tensors.get("rgb.png")?.values);
    expect([...bytes.subarray(0, 10), ...bytes.subarray(115)].every((byte) => byte === 9)).toBe(true);
  });
});

describe("pictureDecoder names a file that is not what it should be", () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="5" height="7"><rect width="5" height="7"/></svg>';

  it.each([
    ["nothing", "", /: an empty file$/],
    ["a text", "no picture", /: not a JPEG, PNG, WebP, TIFF, GIF or AVIF file$/],
    ["a drawing, which may say what to load", svg, /: not a JPEG, PNG, WebP, TIFF, GIF or AVIF file$/],
    ["a signature alone", Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), /x\.png: [^\n]+$/],
  ])("%s", async (_, content, message) => {
    const path = join(temporaryFolder(), "x.png");
    writeFileSync(path, content);
    await expect(decode(path)).rejects.toThrow(DataError);
    await expect(decode(path)).rejects.toThrow(message);
  });

  it.each(["rgb.png", "full.jpg", "progressive.jpg", "lossless.webp", "rgb.tif", "picture.avif"])(
    "half of %s",
    async (name) => {
      const bytes = readFileSync(join(pictures, name));
      const path = join(temporaryFolder(), name);
      writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
      await expect(decode(path)).rejects.toThrow(new RegExp(`^.*${name}: [^\\n]+$`));
    },
  );

  it("more pixels than a picture may have, before they are decoded", async () => {
    await expect(decode(join(pictures, "bomb.png"))).rejects.toThrow(/bomb\.png: .*exceeds pixel limit/);
  });

  it("a file that is too long, none, a folder", async () => {
    const folder = temporaryFolder();
    const long = join(folder, "long.png");
    writeFileSync(long, "");
    truncateSync(long, 2 ** 30); // sparse
    mkdirSync(join(folder, "folder.png"));
    await expect(decode(long)).rejects.toThrow(/long\.png: 1073741824 bytes, at most 268435456 are read/);
    await expect(decode(join(folder, "none.png"))).rejects.toThrow(/none\.png: there is no such file/);
    await expect(decode(join(folder, "folder.png"))).rejects.toThrow(/folder\.png: it is a folder, not a file/);
  });

  it.skipIf(process.platform === "win32")("a named pipe, without waiting for a writer", async () => {
    const pipe = join(temporaryFolder(), "pipe.png");
    execFileSync("mkfifo", [pipe]);
    await expect(decode(pipe)).rejects.toThrow(/pipe\.png: not a regular file/);
  });

  it("survives any damage: a picture of the size asked for, or a DataError", async () => {
    const path = join(temporaryFolder(), "damaged");
    const originals = ["rgb.png", "full.jpg", "lossless.webp", "rgb.tif", "palette.gif"].map((name) =>
      readFileSync(join(pictures, name)),
    );
    const damage = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...originals), damage, async (original, changes) => {
        const bytes = Uint8Array.from(original);
        for (const [at, to] of changes) bytes[at % bytes.length] = to;
        writeFileSync(path, bytes);
        try {
          await decode(path);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 200 },
    );
    expect(refused).toBeGreaterThan(20);
  });
});
