/**
 * Pictures of one size as pictures of another, for data that lies in arrays. As the readers of picture files resize:
 * those of classes with antialiasing, cut or stretched (`image-folder`); those with a target for each pixel stretched,
 * bilinear without antialiasing, their targets to the nearest pixel (`segmentation-folder`).
 */
import { checkChoice, checkKeys } from "../arguments.js";
import { elementCount, showShape } from "../graph/shape.js";
import type { Targets } from "../native/binding.js";
import { checkDataset, checkRoom, DataError, type Dataset, makeTargets } from "./dataset.js";
import { resizeModes } from "./decode-picture.js";
import { type PictureSize, sides } from "./picture-options.js";
import { resample, type Taps, tapsOf } from "./resample.js";
import { resizeBilinear, resizeNearest } from "./resize.js";

export interface ResizeOptions {
  /** Height and width of what the model gets, or one number for both; from 1 to 16,384. */
  readonly size: PictureSize;
  /**
   * Where the proportions differ from `size`'s: `crop` (default) cuts the longer side evenly, `stretch` keeps all of
   * it. Pictures with targets on their pixels are always stretched.
   */
  readonly resize?: (typeof resizeModes)[number] | undefined;
}

/**
 * The examples of `dataset`, pictures [C, H, W], at another size; resized whenever they are read.
 * @throws DataError where examples are no pictures, RangeError or TypeError that names an option.
 */
export function resizeDataset(dataset: Dataset, options: ResizeOptions): Dataset {
  checkDataset("dataset", dataset);
  checkKeys("options", options, ["size", "resize"]);
  const [height, width] = sides(options.size);
  if (options.resize !== undefined) checkChoice("resize", options.resize, resizeModes);
  const { inputShape, targetShape = [] } = dataset;
  if (inputShape.length !== 3) {
    throw new DataError(`size: examples are ${showShape(inputShape)}, pictures [C, H, W] alone can be resized`);
  }
  const onPixels = targetShape.length === 2 && targetShape.every((extent, axis) => extent === inputShape[axis + 1]);
  if (!onPixels) return new ResizedPictures(dataset, height, width, options.resize ?? "crop");
  if (options.resize === "crop") {
    throw new DataError('resize: "crop" given, targets that lie on pixels allow "stretch"');
  }
  return new ResizedMasks(dataset, height, width);
}

/** What both kinds share: the other dataset's examples, and how they come to be of another size. */
abstract class Resized implements Dataset {
  readonly size: number;
  readonly inputShape: readonly number[];
  readonly targetKind: Dataset["targetKind"];
  readonly targetElements: number;
  readonly targetShape: readonly number[] | undefined;
  readonly weights: Float32Array | undefined;
  readonly blank: readonly number[] | undefined;
  protected readonly from: { readonly height: number; readonly width: number };
  private readonly stride: number;

  constructor(
    private readonly dataset: Dataset,
    protected readonly height: number,
    protected readonly width: number,
    targetShape: readonly number[] | undefined,
  ) {
    const [channels, fromHeight, fromWidth] = dataset.inputShape as [number, number, number];
    this.from = { height: fromHeight, width: fromWidth };
    this.stride = elementCount(dataset.inputShape);
    this.size = dataset.size;
    this.inputShape = [channels, height, width];
    this.targetKind = dataset.targetKind;
    this.targetShape = targetShape;
    this.targetElements = targetShape ? elementCount(targetShape) : dataset.targetElements;
    this.weights = dataset.weights;
    this.blank = dataset.blank;
  }

  async read(indices: ArrayLike<number>, inputs: Float32Array, targets: Targets): Promise<void> {
    checkRoom(this, indices, inputs, targets);
    const pictures = new Float32Array(indices.length * this.stride);
    const theirs = makeTargets(this.dataset, indices.length);
    await this.dataset.read(indices, pictures, theirs);
    const planes = indices.length * (this.inputShape[0] as number);
    for (let plane = 0; plane < planes; plane++) {
      const start = plane * this.from.height * this.from.width;
      this.resizePlane(pictures, start, inputs, plane * this.height * this.width);
    }
    this.writeTargets(theirs, targets, indices.length);
  }

  protected abstract resizePlane(from: Float32Array, start: number, to: Float32Array, toStart: number): void;
  protected abstract writeTargets(from: Targets, to: Targets, examples: number): void;
}

class ResizedPictures extends Resized {
  private readonly rows: Taps;
  private readonly columns: Taps;
  private readonly room: Float64Array;

  constructor(dataset: Dataset, height: number, width: number, mode: (typeof resizeModes)[number]) {
    super(dataset, height, width, dataset.targetShape);
    const whole = mode === "stretch" ? { height, width } : covering(this.from, { height, width });
    this.rows = tapsOf(this.from.height, whole.height, middle(whole.height - height), height);
    this.columns = tapsOf(this.from.width, whole.width, middle(whole.width - width), width);
    this.room = new Float64Array((this.from.height + 1) * width);
  }

  protected resizePlane(values: Float32Array, start: number, to: Float32Array, toStart: number): void {
    const target = { values: to, start: toStart, height: this.height, width: this.width };
    resample(this.rows, this.columns, { ...this.from, values, start }, target, this.room);
  }

  protected writeTargets(from: Targets, to: Targets): void {
    to.set(from);
  }
}

class ResizedMasks extends Resized {
  constructor(dataset: Dataset, height: number, width: number) {
    super(dataset, height, width, [height, width]);
  }

  protected resizePlane(values: Float32Array, start: number, to: Float32Array, toStart: number): void {
    resizeBilinear({ ...this.from, values, start }, this.plane(to, toStart));
  }

  protected writeTargets(from: Targets, to: Targets, examples: number): void {
    for (let row = 0; row < examples; row++) {
      const start = row * this.from.height * this.from.width;
      resizeNearest({ ...this.from, values: from, start }, this.plane(to, row * this.targetElements));
    }
  }

  private plane<A extends Targets>(values: A, start: number) {
    return { values, start, height: this.height, width: this.width };
  }
}

interface Extent {
  readonly height: number;
  readonly width: number;
}

/** The least size of the old proportions that holds the new one, as torchvision's `Resize` of the shorter side. */
function covering(from: Extent, to: Extent): Extent {
  const scale = Math.max(to.height / from.height, to.width / from.width);
  return {
    height: Math.max(to.height, Math.floor(from.height * scale)),
    width: Math.max(to.width, Math.floor(from.width * scale)),
  };
}

/** Half of what is cut away goes before; of an odd number as torchvision's `CenterCrop` rounds, to the even half. */
function middle(cut: number): number {
  const half = Math.floor(cut / 2);
  return cut % 2 === 0 || half % 2 === 0 ? half : half + 1;
}
