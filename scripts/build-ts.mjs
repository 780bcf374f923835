// Builds dist/: ES modules and types by tsc, and dist/cjs/, one bundle for require() with the same types beside it.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SetupError } from "./lib/run.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/**
 * @param {{ outDir?: string }} [options] a folder of the root
 * @returns {Promise<void>}
 * @throws {Error} with the compiler's output
 */
export async function buildTypeScript({ outDir = "dist" } = {}) {
  // Built beside and moved into place: a process that runs from dist/ never sees half of it.
  const next = join(root, `${outDir}.next`);
  rmSync(next, { recursive: true, force: true });
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  const result = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", next], {
    cwd: root,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new SetupError(`TypeScript refuses the sources:\n${result.stdout}${result.stderr}`);
  if (existsSync(join(next, "index.js"))) await bundleCommonJs(next);
  const target = join(root, outDir);
  rmSync(target, { recursive: true, force: true });
  renameSync(next, target);
}

/** @param {string} dist */
async function bundleCommonJs(dist) {
  const out = join(dist, "cjs");
  const { build } = await import("esbuild");
  const shim = `const hushgradUrl = (path) => require("node:url").pathToFileURL(require("node:path").join(__dirname, "..", path)).href;`;
  await build({
    entryPoints: [join(dist, "index.js")],
    outfile: join(out, "index.js"),
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: true,
    logLevel: "error",
    banner: { js: shim },
    plugins: [ownUrls(dist), lazyModules(out)],
  });
  writeFileSync(join(out, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  for (const file of declarations(dist)) {
    const copy = join(out, relative(dist, file));
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(file, copy);
  }
}

/**
 * In the bundle, import.meta.url of a module stays the address of its own file in dist/: worker scripts and the addon
 * are found from there.
 *
 * @param {string} dist
 * @returns {import("esbuild").Plugin}
 */
function ownUrls(dist) {
  return {
    name: "own-urls",
    setup(build) {
      build.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const place = JSON.stringify(relative(dist, path).split(sep).join("/"));
        const contents = readFileSync(path, "utf8").replaceAll("import.meta.url", `hushgradUrl(${place})`);
        return { contents, loader: "js" };
      });
    },
  };
}

/**
 * What a module imports only when it is needed stays a file of its own in dist/: it may need packages that require()
 * cannot load (Vega awaits at its top level).
 *
 * @param {string} out folder of the bundle
 * @returns {import("esbuild").Plugin}
 */
function lazyModules(out) {
  return {
    name: "lazy-modules",
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) => {
        if (kind !== "dynamic-import") return undefined;
        return { path: relative(out, join(resolveDir, path)).split(sep).join("/"), external: true };
      });
    },
  };
}

/** @param {string} folder @returns {string[]} the .d.ts files under it */
function declarations(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "cjs" ? [] : declarations(path);
    return entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  buildTypeScript().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
