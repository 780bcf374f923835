/** Pictures, their classes and what runs predict, as a card of a page. */
import { constants } from "node:zlib";
import sharp from "sharp";
import type { Predictions } from "../sweep/predictions.js";
import { lineLabel } from "./line-label.js";
import { type LegendEntry, type Picture, pictureCard } from "./page.js";

/** Of classes, told apart by people who see few colours too; more classes begin again. Class 0 is black. */
const colors = [
  "#000000",
  "#0072b2",
  "#e69f00",
  "#56b4e9",
  "#009e73",
  "#f0e442",
  "#d55e00",
  "#cc79a7",
  "#ffffff",
] as const;

/** The card as markup, pictures within. `title` says whose they are. */
export async function segmentationCard(predictions: Predictions, title: string): Promise<string> {
  const { picture, truth, predicted, height, width, index } = predictions;
  const size = { height, width };
  const pictures: Picture[] = [
    { uri: await png(grays(picture), size), caption: `picture ${index + 1}` },
    { uri: await png(colored(truth), size), caption: "truth" },
  ];
  for (const { run, classes } of predicted) {
    const noise = run.noiseMultiplier === undefined ? "" : `, σ = ${run.noiseMultiplier}`;
    pictures.push({ uri: await png(colored(classes), size), caption: `${lineLabel(run)}${noise}` });
  }
  const classes = Math.max(0, ...truth, ...predicted.flatMap(({ classes }) => [...new Set(classes)])) + 1;
  const entry = (i: number): LegendEntry => ({ label: `class ${i}`, color: colorOf(i), filled: true });
  const legend = Array.from({ length: classes }, (_, i) => entry(i));
  return pictureCard(title, pictures, legend, "outside ε");
}

/** From the darkest pixel to the brightest. */
function grays(values: Float32Array): Uint8Array {
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const scale = high > low ? 255 / (high - low) : 0;
  const rgb = new Uint8Array(values.length * 3);
  values.forEach((value, i) => {
    rgb.fill(Math.round((value - low) * scale), i * 3, i * 3 + 3);
  });
  return rgb;
}

function colored(classes: Int32Array): Uint8Array {
  const rgb = new Uint8Array(classes.length * 3);
  classes.forEach((one, i) => {
    rgb.set(Buffer.from(colorOf(one).slice(1), "hex"), i * 3);
  });
  return rgb;
}

/** What is no class, such as an ignored pixel, looks like class 0. */
function colorOf(one: number): string {
  return colors[Math.max(0, one) % colors.length] ?? colors[0];
}

async function png(
  rgb: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<string> {
  const encoded = sharp(rgb, { raw: { width, height, channels: 3 } }).png({
    palette: true,
    compressionLevel: constants.Z_BEST_COMPRESSION,
  });
  return `data:image/png;base64,${(await encoded.toBuffer()).toString("base64")}`;
}
