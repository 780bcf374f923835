import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { encodeIdx } from "../data/encode-idx.js";
import { temporaryFolder, tinyModel } from "../training/tiny.js";
import { hushgrad, inProcess } from "./command.js";
import { writeGrid } from "./grids.js";

const size = 200;
const PROCESS_TIMEOUT = 600_000;

describe("hushgrad train", () => {
  let folder: string;
  let config: string;
  let out: string;

  beforeEach(() => {
    folder = temporaryFolder();
    out = join(folder, "run");
    const labels = Array.from({ length: size }, (_, i) => i % 4);
    const pixels = Array.from({ length: size * 16 }, (_, i) =>
      Math.floor((i % 16) / 4) === Math.floor(i / 16) % 4 ? 200 : i % 50,
    );
    writeFileSync(join(folder, "images"), encodeIdx([size, 4, 4], pixels));
    writeFileSync(join(folder, "labels"), encodeIdx([size], labels));
    config = write({});
  });

  function write(changes: Record<string, unknown>): string {
    const files = { images: "images", labels: "labels" }; // relative to the configuration file
    const path = join(folder, "tiny.json");
    const content = {
      model: tinyModel,
      data: { format: "idx", train: files, test: files },
      optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
      privacy: { epsilon: 20, delta: 1e-5, datasetSize: size },
      samplingRate: 0.1,
      epochs: 3,
      threads: 1,
      ...changes,
    };
    writeFileSync(path, JSON.stringify(content));
    return path;
  }

  it(
    "trains, tells how it goes in plain lines, and says at the end what came out and where it lies",
    async () => {
      const { code, stdout, stderr } = await hushgrad(["train", config, "--out", out]);
      expect(stderr).toMatch(/^training: 30 steps, 10 an epoch, σ 0\.\d+\n/);
      expect(stderr).toMatch(
        /epoch 3\/3 {2}ε \d+\.?\d*, \d+ examples\/s(?: \(waiting for data \d+ %\))?, loss \d\.\d+, test accuracy \d+\.\d\d % \(outside ε\), 0 s left\n$/,
      );
      for (const line of [
        /accuracy {2,}\d+\.\d\d % on the test data \(outside ε\)/,
        /ε {2,}(20|19\.\d+)\n/,
        /δ {2,}1e-5\n/,
        /σ {2,}\d/,
        /q {2,}0\.1\n/,
        /steps {2,}30 of 30\n/,
        /peak memory {2,}\d+.* MB\n/,
      ]) {
        expect(stdout).toMatch(line);
      }
      for (const file of ["metrics.csv", "privacy.json", "checkpoint.safetensors", "report.html"]) {
        expect(stdout).toContain(join(out, file));
        expect(existsSync(join(out, file))).toBe(true);
      }
      expect(code).toBe(0);
    },
    PROCESS_TIMEOUT,
  );

  it("prints JSON alone on stdout when asked, and marks a seeded run", async () => {
    const { code, stdout, stderr } = await inProcess([
      "train",
      config,
      "--out",
      out,
      "--json",
      "--seed",
      "5",
      "--steps",
      "12",
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("(seeded: not private)");
    const outcome = JSON.parse(stdout) as Record<string, unknown>;
    expect(outcome).toMatchObject({
      stopped: "finished",
      steps: 12,
      accountedSteps: 12,
      seeded: true,
      private: false,
      epsilon: null,
      epsilonIfNotSeeded: expect.any(Number),
      delta: 1e-5,
      samplingRate: 0.1,
    });
    expect(outcome.files).toMatchObject({ report: join(out, "report.html") });
  });

  it(
    "picks a fresh numbered folder without --out",
    async () => {
      mkdirSync(join(folder, "runs", "tiny-001"), { recursive: true });
      const { stdout, code } = await hushgrad(["train", config, "--steps", "1"], { cwd: folder });
      expect(code).toBe(0);
      expect(stdout).toContain(join("runs", "tiny-002", "report.html"));
    },
    PROCESS_TIMEOUT,
  );

  it(
    "stops on Ctrl-C after the step under way, with everything written, and goes on with --resume",
    async () => {
      config = write({ epochs: undefined, steps: 600, privacy: { epsilon: 200, delta: 1e-5, datasetSize: size } });
      let asked = false;
      const stopped = await hushgrad(["train", config, "--out", out], {
        onStderr: (text, child) => {
          if (asked || !text.includes("epoch 2/")) return;
          asked = true;
          child.kill("SIGINT");
        },
      });
      expect(stopped.code).toBe(130);
      expect(stopped.stderr).toContain("Stopping after this step; Ctrl-C again ends at once.");
      expect(stopped.stdout).toContain(`Interrupted. Go on with --out ${out} --resume.`);
      const before = JSON.parse(readFileSync(join(out, "privacy.json"), "utf8")) as {
        steps: { taken: number };
        epsilon: number;
      };
      expect(before.steps.taken).toBeGreaterThanOrEqual(20);
      expect(before.steps.taken).toBeLessThan(600);
      for (const file of ["metrics.csv", "checkpoint.safetensors", "report.html"])
        expect(existsSync(join(out, file))).toBe(true);

      const resumed = await hushgrad(["train", config, "--out", out, "--resume"]);
      expect(resumed.code).toBe(0);
      expect(resumed.stderr).toContain(`resumed after step ${before.steps.taken}`);
      expect(resumed.stdout).toContain("600 of 600");
    },
    PROCESS_TIMEOUT,
  );

  it("tells one line about a wrong configuration, and the stack with DEBUG", async () => {
    config = write({ batchsize: 3 });
    const { code, stderr, stdout } = await inProcess(["train", config, "--out", out]);
    expect(stderr).toMatch(
      /^hushgrad: .*tiny\.json: unknown key 'batchsize', did you mean 'batchSize'\?; allowed: .*\n$/,
    );
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(existsSync(out)).toBe(false);
    vi.stubEnv("DEBUG", "1");
    const debug = await inProcess(["train", config, "--out", out]);
    vi.unstubAllEnvs();
    expect(debug.stderr).toMatch(/\n {4}at /);
  });

  it("names a configuration that is not there, data that is damaged, a folder that is taken", async () => {
    expect(await inProcess(["train", "nowhere.json"])).toMatchObject({
      code: 1,
      stderr: "hushgrad: nowhere.json: there is no such file; give the path of a JSON configuration\n",
    });
    expect(await inProcess(["train", folder])).toMatchObject({
      code: 1,
      stderr: `hushgrad: ${folder}: it is a folder, not a file; give the path of a JSON configuration\n`,
    });
    expect((await inProcess(["train", config, "--out", out, "--steps", "1"])).code).toBe(0);
    const taken = await inProcess(["train", config, "--out", out]);
    expect(taken).toMatchObject({ code: 1, stdout: "" });
    expect(taken.stderr).toMatch(
      /^hushgrad: .*holds a run already: --resume continues it, another --out starts a new one\n$/,
    );
    writeFileSync(join(folder, "labels"), encodeIdx([3], [1, 2, 3]));
    const { code, stderr } = await inProcess(["train", config, "--out", join(folder, "other")]);
    expect(stderr).toMatch(/^hushgrad: .*images holds 200 pictures, .*labels holds 3 labels\n$/);
    expect(code).toBe(1);
  });
});

describe("hushgrad train on a folder of pictures", () => {
  /** Sixty 8×6 pictures of two classes, one dark, one bright, and a file that is none. */
  async function pictureFolder(): Promise<string> {
    const folder = temporaryFolder();
    for (const split of ["train", "test"]) {
      for (const [name, level] of [
        ["bright", 190],
        ["dark", 20],
      ] as const) {
        mkdirSync(join(folder, split, name), { recursive: true });
        for (let i = 0; i < 30; i++) {
          const pixels = Uint8Array.from({ length: 8 * 6 * 3 }, (_, at) => level + ((at * 7 + i * 13) % 60));
          const picture = sharp(pixels, { raw: { width: 8, height: 6, channels: 3 } });
          await picture.toFile(join(folder, split, name, `${i}.${i % 2 ? "png" : "webp"}`));
        }
      }
    }
    writeFileSync(join(folder, "train", "dark", "broken.jpg"), "no picture");
    return folder;
  }

  function config(folder: string, data: object): string {
    const path = join(folder, "pictures.json");
    const content = {
      model: tinyModel,
      data: { format: "image-folder", folder: ".", size: 4, channels: 1, ...data },
      optimizer: { type: "sgd", learningRate: 0.5, momentum: 0.9 },
      privacy: { epsilon: 20, delta: 1e-5, datasetSize: 60 },
      samplingRate: 0.2,
      epochs: 4,
      threads: 1,
    };
    writeFileSync(path, JSON.stringify(content));
    return path;
  }

  it.each([1024, 0])(
    "learns, with %i MB of decoded pictures in memory, and names what it left out",
    async (memoryMegabytes) => {
      const folder = await pictureFolder();
      const file = config(folder, {
        corrupt: "skip",
        memoryMegabytes,
        augmentation: { crop: { padding: 1 }, flip: true },
      });
      // One training in two hundred learns less in so few steps: this one repeats.
      const seed = ["--seed", "1"];
      const { code, stdout, stderr } = await hushgrad(["train", file, "--out", join(folder, "run"), "--json", ...seed]);
      expect(stderr).toMatch(/^left out: .*dark.broken\.jpg: not a JPEG, PNG, .* file\ntraining: 20 steps, 5 an epoch/);
      expect(code).toBe(0);
      const outcome = JSON.parse(stdout) as Record<"accuracy" | "epsilonIfNotSeeded" | "samplingRate", number>;
      expect(outcome.accuracy).toBeGreaterThan(0.9);
      expect(outcome.epsilonIfNotSeeded).toBeLessThanOrEqual(20);
      expect(outcome.samplingRate).toBe(0.2);
      const { relation } = JSON.parse(readFileSync(join(folder, "run", "privacy.json"), "utf8")) as {
        relation: string;
      };
      expect(relation).toBe("add/remove");
    },
    PROCESS_TIMEOUT,
  );

  it("tells how many examples were left out, as of a class that the model has not", async () => {
    const folder = temporaryFolder();
    writeGrid(folder);
    const base = JSON.parse(readFileSync(join(folder, "base.json"), "utf8")) as object;
    const layers = [{ type: "flatten" }, { type: "linear", outFeatures: 2 }];
    const file = join(folder, "two.json");
    writeFileSync(file, JSON.stringify({ ...base, model: { inputShape: [1, 4, 4], layers } }));
    const { code, stdout } = await inProcess(["train", file, "--out", join(folder, "run")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/left out {4,}\d+ of \d+ sampled examples: their class is none of the model's/);
    expect((await inProcess(["train", join(folder, "base.json"), "--out", join(folder, "all")])).stdout).not.toContain(
      "left out",
    );
  });

  it("refuses a model of fewer classes than there are folders", async () => {
    const folder = await pictureFolder();
    const file = config(folder, { corrupt: "skip" });
    const one = JSON.parse(readFileSync(file, "utf8")) as object;
    const layers = [{ type: "flatten" }, { type: "linear", outFeatures: 1 }];
    writeFileSync(file, JSON.stringify({ ...one, model: { inputShape: [1, 4, 4], layers } }));
    const { code, stderr } = await inProcess(["train", file, "--out", join(folder, "run")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/hushgrad: model: gives 1 classes, the data has 2: bright, dark\n$/);
  });

  it("refuses a damaged file unless told to leave it out, and reads from --data", async () => {
    const folder = await pictureFolder();
    const file = config(folder, { folder: "elsewhere" });
    const failed = await inProcess(["train", file, "--data", folder]);
    expect(failed.stderr).toMatch(
      /^hushgrad: a picture cannot be read; "corrupt": "skip" leaves such out:\n.*broken\.jpg/,
    );
    expect(failed.code).toBe(1);
    const missing = await inProcess(["train", file]);
    expect(missing.stderr).toMatch(/^hushgrad: .*elsewhere.train: there is no such folder$/m);
  });
});

describe("hushgrad plan", () => {
  it("shows every layer of the MNIST example, as a table and as JSON", async () => {
    const config = join("examples", "mnist.json");
    const text = await inProcess(["plan", config]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^layer +kind +parameters +method +FLOPs an example +memory +kernels\n/);
    expect(text.stdout).toMatch(/\n0 +Conv2d +1040 /);
    expect(text.stdout).toContain("26010 parameters");
    const json = await inProcess(["plan", config, "--json"]);
    const plan = JSON.parse(json.stdout) as { layers: { parameters: number; bytes: number }[]; totalBytes: number };
    expect(plan.layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(26010);
    expect(plan.totalBytes).toBeGreaterThan(26010 * 4);
  });

  it("counts the second model where public gradients choose the coordinates", async () => {
    const planOf = async (changes: object) => {
      const config = { ...(JSON.parse(readFileSync(join("examples", "mnist.json"), "utf8")) as object), ...changes };
      const file = join(temporaryFolder(), "planned.json");
      writeFileSync(file, JSON.stringify(config));
      const { stdout } = await inProcess(["plan", file, "--json"]);
      return JSON.parse(stdout) as { totalBytes: number; probeBytes: number; parameterBytes: number };
    };
    const source = { public: { format: "mnist" } };
    const [random, informed] = [
      await planOf({ sparsification: { rate: 0.5 } }),
      await planOf({ sparsification: { rate: 0.5, source } }),
    ];
    expect(random.probeBytes).toBe(0);
    expect(informed.probeBytes).toBeGreaterThan(26010 * 5);
    expect(informed.totalBytes).toBe(random.totalBytes + informed.probeBytes);
  });

  it("plans a run whose thresholds adapt, though no step is taken", async () => {
    const text = await inProcess(["plan", join("examples", "mnist-adaptive.json")]);
    expect(text.stderr).toBe("");
    expect(text.code).toBe(0);
    expect(text.stdout).toContain("26010 parameters");
  });
});

describe("hushgrad", () => {
  it("lists its commands and its version", async () => {
    const help = await inProcess(["--help"]);
    expect(help.code).toBe(0);
    for (const name of ["train", "plan", "account", "calibrate", "bench", "build", "doctor"]) {
      expect(help.stdout).toMatch(new RegExp(`\\n {2}${name} `));
    }
    expect(await inProcess(["--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each([
    [["train"], /missing required argument 'config'/],
    [["train", "x.json", "--epochs", "0"], /'--epochs <n>' argument '0' is invalid\. Allowed: a number > 0\./],
    [["train", "x.json", "--steps", "1", "--epochs", "1"], /--epochs.*cannot be used with.*--steps/],
    [
      ["train", "x.json", "--threads", "-1"],
      /'--threads <n>' argument '-1' is invalid\. Allowed: an integer in \[0, 4096\]\./,
    ],
    [["train", "x.json", "--resume"], /--resume needs --out DIR/],
    [["train", "x.json", "--epoch", "1"], /unknown option '--epoch'[\s\S]*--epochs/],
    [["trian", "x.json"], /unknown command 'trian'[\s\S]*train/],
  ])("refuses wrong usage with code 2: %j", async (args, message) => {
    const { code, stderr } = await inProcess(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
