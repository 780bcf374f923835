/**
 * The published tarball, in an empty folder, with npm 12 and its default of running no lifecycle scripts: what it
 * holds, what it says before the addon is built, building it, and using it from both module systems and their types.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeBinary, npmCli } from "../../scripts/lib/node-binary.mjs";
import { emptyFolder, type Outcome, root, runCommand } from "./commands.js";

interface PackReport {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

const program = `
  const model = mlp({ inputShape: [4], hidden: [8], outputs: 3 });
  const options = {
    loss: crossEntropy(),
    optimizer: sgd({ learningRate: 0.5 }),
    privacy: { noiseMultiplier: 1, expectedBatchSize: 2 },
  };
  const session = createSession(model, options);
  const batch = { inputs: new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]), targets: new Int32Array([0, 2]), size: 2 };
  session.step(batch).then((statistics) => {
    session.dispose();
    console.log("examples", statistics.examples);
  });
`;
const names = "createSession, crossEntropy, mlp, sgd";
const typedProgram = `${program}
  const statistics: Promise<number> = createSession(model, options).step(batch).then(({ meanLoss }) => meanLoss);
  // @ts-expect-error: a model is no number, so the types are really there
  const wrong: number = model;
  export { statistics, wrong };
`;
/** A whole run, with the report's plots: what is loaded late must be found as well. */
const training = `
  const { loadMnist, parseConfig, Trainer } = require("hushgrad");
  const config = parseConfig({
    model: "mlp",
    data: { format: "mnist" },
    optimizer: { type: "sgd", learningRate: 0.1 },
    privacy: { noiseMultiplier: 1, delta: 1e-5, datasetSize: 60_000 },
    batchSize: 64,
    steps: 3,
  });
  new Trainer({ config, train: loadMnist("train"), out: "run" }).run().then(({ step }) => console.log("steps", step));
`;

let folder: string;
let node24: string;
let npm12: string;
let packed: PackReport;

function npm(...args: string[]): Outcome {
  return runCommand(folder, node24, [npm12, ...args], dirname(node24));
}

beforeAll(async () => {
  folder = emptyFolder("tarball");
  node24 = await nodeBinary(root, "24");
  npm12 = await npmCli(root);
  const { status, output } = runCommand(root, node24, [
    npm12,
    "pack",
    "--json",
    "--silent",
    "--pack-destination",
    folder,
  ]);
  expect(status, output).toBe(0);
  packed = packReport(output);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  writeFileSync(join(folder, "step.mjs"), `import { ${names} } from "hushgrad";\n${program}`);
  writeFileSync(join(folder, "step.cjs"), `const { ${names} } = require("hushgrad");\n${program}`);
  writeFileSync(join(folder, "types.mts"), `import { ${names} } from "hushgrad";\n${typedProgram}`);
  writeFileSync(join(folder, "types.cts"), `import { ${names} } from "hushgrad";\n${typedProgram}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** npm 12 prints an object by name, older versions a list. */
function packReport(output: string): PackReport {
  const json = JSON.parse(output.slice(output.search(/^[[{]/m))) as PackReport[] | Record<string, PackReport>;
  const [first] = Object.values(json);
  if (first === undefined) throw new Error(`npm pack printed ${output}`);
  return first;
}

describe("the tarball", () => {
  it("holds what building and running take, and neither tests nor built binaries", () => {
    const paths = packed.files.map(({ path }) => path);
    for (const path of [
      "CMakeLists.txt",
      "LICENSE",
      "README.md",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/cjs/index.js",
      "dist/cjs/index.d.ts",
      "dist/cjs/package.json",
      "dist/cli/main.js",
      "native/addon/addon.cpp",
      "scripts/build-native.mjs",
    ]) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => /^(binding\.gyp|native\/test\/|test\/|build\/|\.)|\.node$/.test(path))).toEqual([]);
  });

  it("has no lifecycle script that an installation would run", () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const lifecycle = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare", "prepublish"];
    expect(Object.keys(manifest.scripts).filter((name) => lifecycle.includes(name))).toEqual([]);
  });
});

describe("installed in an empty folder, lifecycle scripts off", () => {
  it("installs, and npm blocks no script of ours", () => {
    const { status, output } = npm("install", `./${packed.filename}`, "--no-audit", "--no-fund");
    expect(status, output).toBe(0);
    expect(output).not.toMatch(/hushgrad@.*(install|script)/);
  });

  it.each(["step.mjs", "step.cjs"])("before the build, %s says what was tried and what to type", (file) => {
    const { status, output } = runCommand(folder, process.execPath, [file]);
    expect(status).not.toBe(0);
    expect(output).toContain(`hushgrad's native addon did not load on linux-${process.arch}`);
    expect(output).toContain(join("node_modules", "hushgrad", "build", "Release", "hushgrad.node"));
    expect(output).toContain("npx hushgrad build");
  });

  it("doctor reports the addon that does not load, and fails", () => {
    const { status, output } = npm("exec", "--no", "--", "hushgrad", "doctor", "--json");
    expect(status).not.toBe(0);
    expect(JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1))).toMatchObject({
      addon: { loads: false, error: expect.stringContaining("npx hushgrad build") },
      cuda: null,
    });
  });

  it("builds there with `npx hushgrad build`", () => {
    const { status, output } = npm("exec", "--no", "--", "hushgrad", "build");
    expect(status, output).toBe(0);
    expect(output).toContain(join("node_modules", "hushgrad", "build", "Release", "hushgrad.node"));
  });

  it.each(["step.mjs", "step.cjs"])("then %s trains, on this Node and on Node 24", (file) => {
    for (const node of [process.execPath, node24]) {
      const { status, output } = runCommand(folder, node, [file]);
      expect(status, output).toBe(0);
      expect(output.trim()).toBe("examples 2");
    }
  });

  it("a Trainer of the CommonJS entry writes its report", () => {
    writeFileSync(join(folder, "train.cjs"), training);
    const { status, output } = runCommand(folder, process.execPath, ["train.cjs"]);
    expect(status, output).toBe(0);
    expect(output).toContain("steps 3");
    expect(readFileSync(join(folder, "run", "report.html"), "utf8")).toContain("<svg");
  });

  it.each(["node16", "nodenext"])("types serve .mts and .cts under module %s", (module) => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const settings = ["--noEmit", "--strict", "--module", module, "--target", "es2022", "--lib", "es2023"];
    const types = ["--typeRoots", join(root, "node_modules", "@types"), "--types", "node"];
    const { status, output } = runCommand(folder, process.execPath, [
      tsc,
      ...settings,
      ...types,
      "types.mts",
      "types.cts",
    ]);
    expect(output).toBe("");
    expect(status).toBe(0);
  });

  it("doctor names the libraries that the addon runs on", () => {
    const { status, output } = npm("exec", "--no", "--", "hushgrad", "doctor");
    expect(status, output).toBe(0);
    expect(output).toMatch(/addon\s+loads from .*hushgrad\.node/);
    expect(output).toMatch(/libraries\s+.*oneDNN \d/);
  });
});
