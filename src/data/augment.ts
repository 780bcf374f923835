/**
 * Random changes to training pictures, drawn anew whenever a picture is read: parts of it resized, random crops of the
 * padded picture, mirroring, as torchvision's RandomResizedCrop, RandomCrop(H, padding) and RandomHorizontalFlip, in this
 * order. Targets that lie on pixels take the same way as their picture. With a multiplicity, several
 * changed copies at once, which are one example to a session (De et al. 2022).
 *
 * **Privacy.** A changed picture is a function of its own record and of public randomness alone, under a key that
 * nothing else uses: one record still moves a clipped sum by at most the sensitivity.
 */
import { checkFlag, checkKeys, checkMethods } from "../arguments.js";
import { elementCount, showShape } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkNumber } from "../privacy/check.js";
import { checkDataset, checkRoom, DataError, type Dataset } from "./dataset.js";
import { movePlane } from "./move-plane.js";
import { resizeBilinear, resizeNearest } from "./resize.js";

type Range = readonly [least: number, most: number];

export interface Augmentation {
  /** A part of the picture is cut out at random and resized to the picture's size. */
  readonly resize?:
    | {
        /** The part's share of the area: above 0, at most 1. */
        readonly scale: Range;
        /** Its width by its height, above 0; from 3/4 to 4/3 by default. What does not fit is cut to the picture. */
        readonly ratio?: Range | undefined;
      }
    | undefined;
  /** Black is put around the picture, `padding` pixels wide, and a part of the old size cut out at random. */
  readonly crop?: { readonly padding: number } | undefined;
  /** Mirrors left and right with probability 1/2. */
  readonly flip?: boolean | undefined;
  /** K: changed copies of a picture, from 1 to 1024; default 1. */
  readonly multiplicity?: number | undefined;
}

export const multiplicityRange = { min: 1, max: 1024, integer: true };
const paddingRange = { min: 0, max: 1024, integer: true };
const WHOLE: Range = [1, 1];
const SQUARISH: Range = [3 / 4, 4 / 3];

/** What augmentation draws on: `RandomKeys.stream("augmentation")`. */
export interface UniformNumbers {
  /** A double in [0, 1). */
  uniform(): number;
}

/** How a picture is changed: a part resized, moved down and right by so many pixels (or up and left), mirrored or not. */
interface Change {
  readonly part: Rectangle | undefined;
  readonly down: number;
  readonly right: number;
  readonly mirror: boolean;
}

interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * A dataset whose pictures are changed as `augmentation` says: `[C, H, W]`, or with a multiplicity K > 1 `[K, C, H, W]` and
 * each view's targets. Every view takes the same number of draws, in the order of reading. Throws a DataError unless
 * examples are `[C, H, W]`.
 */
export class AugmentedDataset implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind: Dataset["targetKind"];
  readonly targetElements: number;
  readonly targetShape: Dataset["targetShape"];
  readonly weights: Dataset["weights"];
  readonly blank: Dataset["blank"];
  private readonly views: number;
  private readonly padding: number;
  private readonly mirrors: boolean;
  private readonly scale: Range;
  private readonly ratio: Range;
  private readonly height: number;
  private readonly width: number;
  private readonly picture: Float32Array;
  private readonly mask: Targets;
  private readonly outside: number;

  /** @param ignoredClass what targets on pixels are outside their picture: the class that the loss ignores. */
  constructor(
    private readonly dataset: Dataset,
    augmentation: Augmentation,
    private readonly random: UniformNumbers,
    ignoredClass = -100,
  ) {
    checkDataset("dataset", dataset);
    checkKeys("augmentation", augmentation, ["resize", "crop", "flip", "multiplicity"]);
    checkMethods("random", random, ["uniform"], "a source of random numbers");
    checkNumber("ignoredClass", ignoredClass, { min: -(2 ** 31), max: 2 ** 31 - 1, integer: true });
    const { resize, crop, flip = false, multiplicity = 1 } = augmentation;
    const { size, inputShape, targetKind, targetElements, targetShape = [], weights, blank } = dataset;
    if (inputShape.length !== 3) {
      throw new DataError(`augmentation: examples of ${showShape(inputShape)} given, pictures [C, H, W] allowed`);
    }
    checkNumber("augmentation.multiplicity", multiplicity, multiplicityRange);
    checkNumber("augmentation.crop.padding", crop === undefined ? 0 : crop?.padding, paddingRange);
    checkFlag("augmentation.flip", flip);
    this.scale = resize === undefined ? WHOLE : checkRange("scale", resize?.scale, 1);
    this.ratio = checkRange("ratio", resize?.ratio ?? SQUARISH, Number.MAX_VALUE);
    this.size = size;
    this.inputShape = multiplicity === 1 ? inputShape : [multiplicity, ...inputShape];
    this.targetKind = targetKind;
    this.targetElements = multiplicity * targetElements;
    this.targetShape = multiplicity === 1 ? targetShape : [multiplicity, ...targetShape];
    this.weights = weights;
    this.blank = blank;
    this.views = multiplicity;
    this.padding = crop?.padding ?? 0;
    this.mirrors = flip;
    const [, height, width] = inputShape as readonly [number, number, number];
    this.height = height;
    this.width = width;
    this.picture = new Float32Array(elementCount(inputShape));
    const onPixels = targetShape.length === 2 && targetShape[0] === height && targetShape[1] === width;
    const length = onPixels ? height * width : 0;
    this.mask = targetKind === "classes" ? new Int32Array(length) : new Float32Array(length);
    this.outside = targetKind === "classes" ? ignoredClass : 0;
  }

  read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): void | Promise<void> {
    checkRoom(this, indices, inputs, targets);
    const changes = Array.from({ length: indices.length * this.views }, () => this.draw());
    const reading = this.dataset.read(indices, inputs, targets);
    const spread = () => {
      // Backwards: what was read lies at the front, and its views are never before it.
      for (let row = indices.length - 1; row >= 0; row--) this.spread(row, changes, inputs, targets);
    };
    return reading instanceof Promise ? reading.then(spread) : spread();
  }

  /** Draws what reading `examples` pictures would, and reads none. */
  skip(examples: number): void {
    checkNumber("examples", examples, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
    for (let i = 0; i < examples * this.views; i++) this.draw();
  }

  /** From picture `row` to its views, changed. Backwards too: the first view of picture 0 lies where that was read. */
  private spread(row: number, changes: readonly Change[], inputs: Float32Array, targets: Targets): void {
    const { picture, mask, views } = this;
    const { targetElements } = this.dataset;
    for (let view = (row + 1) * views - 1; view >= row * views; view--) {
      inputs.copyWithin(view * picture.length, row * picture.length, (row + 1) * picture.length);
      targets.copyWithin(view * targetElements, row * targetElements, (row + 1) * targetElements);
      this.changePicture(changes[view] as Change, inputs, view * picture.length);
      this.changeMask(changes[view] as Change, targets, view * mask.length);
    }
  }

  private draw(): Change {
    const shift = () => Math.floor(this.random.uniform() * (2 * this.padding + 1)) - this.padding;
    const moved = { down: shift(), right: shift(), mirror: this.random.uniform() < 0.5 && this.mirrors };
    const drawn = this.drawPart();
    return { part: this.scale === WHOLE ? undefined : drawn, ...moved };
  }

  /** torchvision draws again what does not fit, ten times at most; here it is cut, for a fixed number of draws. */
  private drawPart(): Rectangle {
    const { height: most, width: widest } = this;
    const between = ([low, high]: Range) => low + this.random.uniform() * (high - low);
    const area = between(this.scale) * most * widest;
    const ratio = Math.exp(between([Math.log(this.ratio[0]), Math.log(this.ratio[1])]));
    const height = Math.min(most, Math.max(1, Math.round(Math.sqrt(area / ratio))));
    const width = Math.min(widest, Math.max(1, Math.round(Math.sqrt(area * ratio))));
    const place = (room: number) => Math.floor(this.random.uniform() * (room + 1));
    return { top: place(most - height), left: place(widest - width), height, width };
  }

  private changePicture(change: Change, inputs: Float32Array, start: number): void {
    const { picture, height, width } = this;
    const plane = height * width;
    for (let from = 0; from < picture.length; from += plane) {
      const to = { values: inputs, start: start + from, height, width };
      const original = { values: picture, start: from, height, width };
      if (change.part) {
        picture.set(inputs.subarray(to.start, to.start + plane), from);
        resizeBilinear(partOf(original, change.part), to);
      }
      movePlane(to, change, this.blank?.[from / plane] ?? 0, original);
    }
  }

  private changeMask(change: Change, targets: Targets, start: number): void {
    const { mask, height, width } = this;
    if (mask.length === 0) return;
    const to = { values: targets, start, height, width };
    const original = { values: mask, start: 0, height, width };
    if (change.part) {
      mask.set(targets.subarray(start, start + mask.length));
      resizeNearest(partOf(original, change.part), to);
    }
    movePlane(to, change, this.outside, original);
  }
}

function partOf<P extends { readonly start: number; readonly width: number }>(plane: P, part: Rectangle) {
  const { top, left, height, width } = part;
  return { ...plane, start: plane.start + top * plane.width + left, height, width, rowStride: plane.width };
}

function checkRange(name: "scale" | "ratio", range: Range | undefined, most: number): Range {
  const [least = Number.NaN, largest = Number.NaN] = Array.isArray(range) ? (range as Range) : [];
  if (least > 0 && least <= largest && largest <= most && range?.length === 2) return range;
  const limit = most === 1 ? "above 0 and at most 1" : "above 0";
  throw new RangeError(
    `augmentation.resize.${name}: got ${JSON.stringify(range)}, expected two numbers ${limit}, the smaller one first`,
  );
}
