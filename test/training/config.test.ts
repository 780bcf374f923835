import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyOverrides, parseConfig, readConfig } from "../../src/training/config.js";
import { ConfigError, nearest } from "../../src/training/config-errors.js";
import { buildModel } from "../../src/training/model-config.js";

const good = {
  model: "mnist-cnn",
  data: { format: "mnist" },
  optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
  privacy: { epsilon: 2, delta: 1e-5 },
  clipping: { function: "autoS", style: "per-layer", threshold: 0.5, gamma: 0.02 },
  batchSize: 512,
  epochs: 15,
};

const folder = { format: "image-folder", folder: "x", size: 32 };

/** The configuration with the value at a dotted path replaced; undefined takes the key away. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(good) as Record<string, unknown>;
  const keys = path.split(".");
  let at = copy;
  for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete at[keys.at(-1) as string];
  else at[keys.at(-1) as string] = value;
  return copy;
}

function complaint(value: unknown): string {
  try {
    parseConfig(value, "run.json");
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return "";
}

describe("parseConfig", () => {
  it("takes a good configuration and fills in defaults", () => {
    const config = parseConfig(good);
    expect(config).toMatchObject({ ...good, strategy: "auto", chunkSize: 0, deterministic: false });
    expect(config.loss.type).toBe("crossEntropy");
    expect(config.schedule.type).toBe("constant");
    expect(config.privacy?.unit).toBe("example");
  });

  it.each([
    ["privacy.epsilon", 0, /^run\.json: privacy\.epsilon: got 0; allowed: a number above 0$/],
    ["privacy.epsilon", -1, /privacy\.epsilon: got -1; allowed: a number above 0/],
    ["privacy.epsilon", "2", /privacy\.epsilon: got "2"; allowed: a number above 0/],
    ["privacy.epsilon", Number.POSITIVE_INFINITY, /privacy\.epsilon: got Infinity; allowed/],
    [
      "privacy.epsilon",
      undefined,
      /privacy\.epsilon: got nothing; allowed: a number above 0, unless noiseMultiplier is given/,
    ],
    ["privacy.delta", 1, /privacy\.delta: got 1; allowed: a number above 0 and below 1/],
    ["privacy.delta", 0, /privacy\.delta: got 0; allowed/],
    ["privacy.delta", undefined, /privacy\.delta: got nothing; allowed/],
    [
      "privacy.noiseMultiplier",
      0,
      /noiseMultiplier: got 0; allowed: a number above 0.*no epsilon is finite; leave it out/,
    ],
    ["privacy.datasetSize", 1.5, /privacy\.datasetSize: got 1\.5; allowed: a whole number, at least 1/],
    [
      "privacy.relation",
      "add/remove",
      /privacy\.relation: got "add\/remove"; allowed: zero-out, replace-one; add\/remove only with datasetSize/,
    ],
    ["privacy.relation", "swap", /privacy\.relation: got "swap"; allowed: add\/remove, zero-out, replace-one/],
    ["privacy.datasetSize", 100, /batchSize: got 512; allowed: at most privacy\.datasetSize, 100/],
    ["privacy.unit", "household", /privacy\.unit: got "household"; allowed: example, user/],
    ["privacy.epsilom", 2, /privacy: unknown key 'epsilom', did you mean 'epsilon'\?; allowed: epsilon, delta/],
    ["privacy", undefined, /privacy: got nothing; allowed: an object with epsilon and delta/],
    ["privacy", 2, /privacy: got 2; allowed: an object/],
    ["clipping.threshold", 0, /clipping\.threshold: got 0; allowed: a number from 1e-20 to 1e20/],
    ["clipping.function", "AUTO-S", /clipping\.function: got "AUTO-S"; allowed: abadi, autoS, autoV/],
    ["clipping.function", "abadi", /clipping\.gamma: got 0\.02; allowed: only with "function": "autoS"/],
    ["clipping.r", 0.1, /clipping\.r: got 0\.1; allowed: only with "function": "psac" or "nsgd"/],
    ["clipping", { function: "psac" }, /clipping\.r: got nothing; allowed: a number above 0, for "function": "psac"/],
    ["clipping", { function: "global", Z: 0 }, /clipping\.Z: got 0; allowed: a number above 0/],
    ["clipping.thresholds", [1, 2], /clipping: got .*clipping\.thresholds: got 2 numbers, expected \d+, one a group/],
    ["clipping.thresholds", [1, 0], /clipping\.thresholds\.1: got 0; allowed: a number from 1e-20 to 1e20/],
    ["clipping", { style: "groups" }, /clipping\.groups: got nothing; allowed: an object of groups by name/],
    [
      "clipping",
      { style: "groups", groups: { all: "*" } },
      /clipping\.groups\.all: got "\*"; allowed: a list of parameter/,
    ],
    ["clipping", { style: "groups", groups: { a: ["*.weight"] } }, /clipping\.groups: .*bias in no group/],
    ["clipping", { style: "groups", groups: { a: ["*", "0.wight"] } }, /"0\.wight", which names no parameter/],
    ["clipping.groups", { all: ["*"] }, /clipping\.groups: got .*; allowed: only with "style": "groups"/],
    ["clipping.maxWeight", 0, /clipping\.maxWeight: got 0; allowed: a number above 0/],
    ["clipping.schedule", { type: "cosin" }, /clipping\.schedule\.type: .*unknown schedule type "cosin"/],
    ["clipping.adaptive", {}, /clipping\.adaptive: got \{\}; allowed: only with "function": "abadi"/],
    [
      "clipping",
      { adaptive: { quantile: 1 } },
      /clipping\.adaptive\.quantile: got 1; allowed: a number above 0 and below 1/,
    ],
    [
      "clipping",
      { adaptive: { rate: 1 } },
      /clipping\.adaptive: unknown key 'rate'.*allowed: quantile, learningRate, countNoise/,
    ],
    [
      "clipping",
      { adaptive: {}, schedule: { type: "cosine" } },
      /clipping\.schedule: got .*; allowed: no schedule beside adaptive thresholds/,
    ],
    ["privacy.noiseSchedule", "cosine", /privacy\.noiseSchedule: got "cosine"; unknown schedule type/],
    ["batchsize", 12, /unknown key 'batchsize', did you mean 'batchSize'\?/],
    [
      "batchSize",
      undefined,
      /batchSize: got nothing; allowed: exactly one of batchSize \(q·N\) and samplingRate \(q\)/,
    ],
    ["samplingRate", 0.1, /batchSize: got 512; allowed: exactly one of/],
    ["epochs", undefined, /epochs: got nothing; allowed: exactly one of epochs and steps/],
    [
      "privacy.noiseMultiplier",
      1e300,
      /^[^:]*: privacy\.noiseMultiplier: got 1e\+300; allowed: a number above 0, at most 1e15: without noise/,
    ],
    ["threads", -1, /threads: got -1; allowed: a whole number, at least 0/],
    ["threads", 99_999, /threads: got 99999; allowed: a whole number from 0 to 4096/],
    ["epochs", 0, /epochs: got 0; allowed: a number above 0/],
    ["steps", 10, /epochs: got 15; allowed: exactly one of/],
    ["strategy", "none", /strategy: got "none"; allowed: none only without privacy/],
    ["strategy", "gohst", /strategy: got "gohst"; allowed: auto, none, naive/],
    ["optimizer.type", "sdg", /optimizer.*sdg/],
    ["optimizer.learningRate", 0, /optimizer\.learningRate: got 0; must be a finite number > 0/],
    ["optimizer.momentun", 0.9, /optimizer: unknown key 'momentun'.*momentum/],
    ["optimizer", undefined, /optimizer: got nothing/],
    [
      "data.format",
      "parquet",
      /data\.format: got "parquet"; allowed: an object with "format" mnist, idx, npy, csv, cifar10, /,
    ],
    ["data.path", "x", /data: unknown key 'path'; allowed: format, folder, size, resize, normalization/],
    ["data", { format: "idx" }, /data\.train: got nothing; allowed: an object/],
    ["data.normalization", { mean: 0, std: 0 }, /data\.normalization\.std: got 0; allowed: a number above 0/],
    ["data.normalization", "mnsit", /data\.normalization: got "mnsit"; allowed: mnist, cifar10, .*, or an object/],
    ["data.normalization.std", 1, /data\.normalization\.mean: got nothing; allowed: a number, or a list/],
    [
      "data.normalization",
      { mean: [0, "x"], std: 1 },
      /data\.normalization\.mean: got \[0,"x"\]; allowed: a number, or/,
    ],
    ["data.augmentation", { crop: 4 }, /data\.augmentation\.crop: got 4; allowed: an object/],
    ["data.augmentation", { multiplicity: 0 }, /multiplicity: got 0; allowed: a whole number from 1 to 1,024/],
    ["data.augmentation", { flop: true }, /data\.augmentation: unknown key 'flop', did you mean 'flip'\?/],
    ["data.augmentation", { crop: { padding: 0.5 } }, /padding: got 0\.5; allowed: a whole number from 0 to 1,024/],
    ["data", { format: "cifar10" }, /data\.folder: got nothing; allowed: a string/],
    ["data", { format: "cifar100", folder: "x", labels: "both" }, /data\.labels: got "both"; allowed: fine, coarse/],
    ["data", { ...folder, size: undefined }, /data\.size: got nothing; allowed: a whole number from 1 to 16,384, or/],
    ["data", { ...folder, size: [32] }, /data\.size: got \[32\]; allowed: a whole number from 1 to 16,384, or/],
    ["data", { ...folder, channels: 4 }, /data\.channels: got 4; allowed: 1 or 3/],
    ["data", { ...folder, corrupt: "ignore" }, /data\.corrupt: got "ignore"; allowed: fail, skip/],
    ["data", { ...folder, memoryMegabytes: -1 }, /data\.memoryMegabytes: got -1; allowed: a number, at least 0/],
    [
      "data",
      { ...folder, corrupt: "skip" },
      /privacy\.datasetSize: got nothing; allowed: the public number of training/,
    ],
    ["loss", { type: "crossEntropy", labelSmoothing: 2 }, /loss\.labelSmoothing: got 2/],
    ["seed", -1, /seed: got -1; allowed: a whole number, at least 0/],
    ["threads", 1.5, /threads: got 1\.5; allowed/],
    ["deterministic", 1, /deterministic: got 1; allowed: true or false/],
    ["name", "a/b", /name: got "a\/b"; allowed: letters, digits/],
    ["model", "mnist-cn", /model: got "mnist-cn"; did you mean 'mnist-cnn'\? allowed: mlp, mnist-cnn/],
    [
      "model",
      { inputShape: [3, 4, 4], layers: [{ type: "batchNorm2d" }] },
      /model\.layers\.0\.type: .*batchNorm2d is refused: it mixes the examples .*use groupNorm/,
    ],
    [
      "model",
      {
        inputShape: [1, 28, 28],
        layers: [
          { type: "conv2d", outChannels: 2, kernelSize: 3, padding: 1e6 },
          { type: "flatten" },
          { type: "linear", outFeatures: 10 },
        ],
      },
      /layer '0' \(conv2d\): it makes 8000208001352 elements of shape \[2, 2000026, 2000026\]/,
    ],
    [
      "privacy",
      { epsilon: 1, delta: 1e-5, relation: "replace-one", group: { size: 3 } },
      /privacy\.group: got .*; allowed: no group under replace-one/,
    ],
    ["privacy.group", { size: 1 }, /privacy\.group\.size: got 1; allowed: a whole number from 2 to 10,000/],
    ["model", { name: "unet", feature: 16 }, /model: got .*; unet: .*feature/],
    ["model", { name: "unet", features: 0 }, /model: got .*; unet\.features: /],
    ["model", { name: "u-net" }, /model\.name: got "u-net"; did you mean 'unet'\? allowed: mlp, /],
    ["model", { name: 3 }, /model\.name: got 3; allowed: mlp, /],
    ["model", 3, /model: got 3; allowed: mlp, mnist-cnn, .*or an object with inputShape and layers/],
    ["model", undefined, /model: got nothing; allowed: mlp, mnist-cnn, .*or an object with inputShape and layers/],
    ["model", { inputShape: [4], layers: [{ type: "liner" }] }, /model\.layers\.0.*liner/],
    ["model", { inputShape: [4], layers: [{ type: "linear", outFeatures: 0 }] }, /model\.layers\.0\.\w+/],
    ["model", { inputShape: [4], layers: [{ type: "conv2d", channels: 2, kernel: 3 }] }, /model/],
  ])("refuses %s = %j in one line", (path, value, expected) => {
    const message = complaint(changed(path, value));
    expect(message).toMatch(expected);
    expect(message).not.toContain("\n");
  });

  it("samplingRate above 1 is impossible", () => {
    const config = changed("batchSize", undefined) as Record<string, unknown>;
    expect(complaint({ ...config, samplingRate: 1.01 })).toMatch(
      /samplingRate: got 1\.01; allowed: a number above 0, at most 1/,
    );
    expect(complaint({ ...config, samplingRate: 1 })).toBe("");
  });

  it.each([[null], [[]], ["x"], [3]])("refuses %j", (value) => {
    expect(complaint(value)).toMatch(/^run\.json: the configuration: got /);
  });

  it("takes pictures in folders, and damaged ones where the number of examples is public or nothing is", () => {
    const data = { ...folder, normalization: "cifar10", augmentation: { crop: { padding: 4 }, flip: true } };
    expect(parseConfig(changed("data", data)).data).toEqual({
      ...data,
      normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
      train: "train",
      channels: 3,
      resize: "crop",
      corrupt: "fail",
      memoryMegabytes: 1024,
    });
    const skipping = changed("data", { ...folder, corrupt: "skip" }) as { privacy: object };
    expect(complaint({ ...skipping, privacy: { ...skipping.privacy, datasetSize: 600 } })).toBe("");
    expect(complaint({ ...skipping, privacy: undefined, strategy: "none" })).toBe("");
  });

  it("trains without privacy only when told so", () => {
    const config = parseConfig({ ...(changed("privacy", undefined) as object), strategy: "none" });
    expect(config.privacy).toBeUndefined();
  });

  it("builds a ready-made model with options of its own", () => {
    const model = { name: "mlp", inputShape: [4], hidden: [8], outputs: 2 };
    expect(buildModel(parseConfig(changed("model", model))).parameterCount).toBe(4 * 8 + 8 + 8 * 2 + 2);
  });

  it("builds a model from layers", () => {
    const model = {
      inputShape: [4],
      layers: [{ type: "linear", outFeatures: 8 }, { type: "relu" }, { type: "linear", outFeatures: 2 }],
    };
    expect(buildModel(parseConfig(changed("model", model))).parameterCount).toBe(4 * 8 + 8 + 8 * 2 + 2);
  });
});

describe("schemas that say nothing themselves", () => {
  it.each([
    [{ type: "epochs" }, "clipping.schedule.factors: got nothing; allowed: array"],
    [{ type: "epochs", factors: [] }, "clipping.schedule.factors: got []; allowed: array ≥ 1 items"],
    [{ type: "epochs", factors: [-1] }, "clipping.schedule.factors.0: got -1; allowed: number ≥ 0"],
  ])("are put in our words: %j", (schedule, message) => {
    expect(complaint(changed("clipping.schedule", schedule))).toBe(`run.json: ${message}`);
  });
});

describe("readConfig", () => {
  it("names a file that is missing or no JSON", () => {
    const folder = mkdtempSync(join(tmpdir(), "hushgrad-config-"));
    const path = join(folder, "c.json");
    expect(() => readConfig(path)).toThrow(/c\.json: there is no such file/);
    writeFileSync(path, "{,}");
    expect(() => readConfig(path)).toThrow(ConfigError);
    writeFileSync(path, JSON.stringify(good));
    expect(readConfig(path).batchSize).toBe(512);
    rmSync(folder, { recursive: true });
  });
});

describe("applyOverrides", () => {
  it("lets the command line say where the data lie", () => {
    const json = { data: { format: "mnist", folder: "a" } };
    expect(applyOverrides(json, { data: "/b" })).toEqual({ data: { format: "mnist", folder: "/b" } });
    expect(applyOverrides({ data: { format: "mnist" } }, { data: "/b" })).toEqual({
      data: { format: "mnist", folder: "/b" },
    });
    expect(json.data.folder).toBe("a");
  });

  it("lets steps and epochs replace each other", () => {
    expect(applyOverrides({ steps: 3 }, { epochs: 2 })).toEqual({ epochs: 2 });
    expect(applyOverrides({ epochs: 3, a: 1 }, { steps: 2, seed: 0 })).toEqual({ a: 1, steps: 2, seed: 0 });
    expect(applyOverrides(7, { steps: 2 })).toBe(7);
  });
});

describe("nearest", () => {
  it.each([
    ["epsilom", "epsilon"],
    ["Epsilon", "epsilon"],
    ["dleta", "delta"],
    ["banana", undefined],
  ])("%s → %s", (word, expected) => {
    expect(nearest(word, ["epsilon", "delta"])).toBe(expected);
  });
});
