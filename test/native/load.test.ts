import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { binaryPath } from "./binding-path.js";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hushgrad-load-"));
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A module that has loaded nothing yet. */
async function fresh(binary: string) {
  vi.stubEnv("HUSHGRAD_BINARY", binary);
  return await import("../../src/native/load.js");
}

describe("loadBinding", () => {
  test("loads the binary that HUSHGRAD_BINARY names, once", async () => {
    const { loadBinding } = await fresh(binaryPath);
    const binding = loadBinding();
    expect(binding.info().cores).toBeGreaterThan(0);
    expect(loadBinding()).toBe(binding);
  });

  test("OpenMP's waiting policy is set for the loading alone, and one that was set stays", async () => {
    vi.stubEnv("OMP_WAIT_POLICY", undefined);
    (await fresh(binaryPath)).loadBinding();
    expect(process.env.OMP_WAIT_POLICY).toBeUndefined();
    vi.resetModules();
    vi.stubEnv("OMP_WAIT_POLICY", "ACTIVE");
    (await fresh(binaryPath)).loadBinding();
    expect(process.env.OMP_WAIT_POLICY).toBe("ACTIVE");
  });

  test("one error names the platform, what was tried and the command", async () => {
    const missing = join(folder, "none.node");
    const { loadBinding, NativeLoadError } = await fresh(missing);
    expect(loadBinding).toThrow(NativeLoadError);
    expect(loadBinding).toThrow(`${process.platform}-${process.arch}`);
    expect(loadBinding).toThrow(`HUSHGRAD_BINARY=${missing}: there is no such file`);
    expect(loadBinding).toThrow("npx hushgrad build");
  });

  test("a damaged binary is named, and no other is taken instead", async () => {
    const damaged = join(folder, "damaged.node");
    writeFileSync(damaged, "not a library");
    const { loadBinding } = await fresh(damaged);
    expect(loadBinding).toThrow(/damaged\.node: .+/);
    copyFileSync(binaryPath, join(folder, "good.node"));
    vi.stubEnv("HUSHGRAD_BINARY", join(folder, "good.node"));
    expect(loadBinding().info().cores).toBeGreaterThan(0);
  });

  test.each([
    ["of another version", '"9.9.9"', "9.9.9"],
    ["of a version that did not say", "undefined", "an older version"],
  ])("an addon %s is refused, and the message says what to do", async (_, version, named) => {
    const stale = join(folder, "stale.cjs"); // require() takes it as it takes an addon
    writeFileSync(stale, `module.exports = { version: ${version} };`);
    const { loadBinding, packageVersion } = await fresh(stale);
    expect(loadBinding).toThrow(
      `stale.cjs: it was built from ${named} of hushgrad, and this is ${packageVersion()}: it must be built again\nBuild it here with: npx hushgrad build`,
    );
  });

  test("an addon of another border within the version is refused; this build's is the present one", async () => {
    const stale = join(folder, "stale.cjs");
    const { loadBinding, packageVersion } = await fresh(stale);
    writeFileSync(stale, `module.exports = { version: "${packageVersion()}", border: "${"0".repeat(64)}" };`);
    expect(loadBinding).toThrow(
      "stale.cjs: it was built from another src/native/binding.ts than this one: it must be built again\nBuild it here with: npx hushgrad build",
    );
    vi.stubEnv("HUSHGRAD_BINARY", binaryPath);
    const text = readFileSync("src/native/binding.ts");
    expect(loadBinding().border).toBe(createHash("sha256").update(text).digest("hex"));
  });

  test("without an override, this package's build and the platform's package are tried", async () => {
    const { packageRoot } = await fresh("");
    expect(packageRoot()).toBe(process.cwd());
  });
});
