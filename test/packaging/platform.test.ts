import { describe, expect, it } from "vitest";
import { cpuProblem, nodeProblem, platformProblem, problem } from "../../scripts/lib/platform.mjs";

const modern = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu sse4_1 avx avx2 fma\n";
const old = "processor\t: 0\nmodel name\t: Old CPU\nflags\t\t: fpu sse2 sse4_1 avx\n";

describe("what hushgrad runs on", () => {
  it("runs here", () => {
    expect(problem()).toBeNull();
  });

  it.each(["20.17.0", "20.20.2", "22.0.0", "24.18.1"])("takes Node.js %s", (version) => {
    expect(nodeProblem(version)).toBeNull();
  });

  it.each(["18.20.4", "20.0.0", "20.16.9"])(
    "refuses Node.js %s with a sentence that names both versions",
    (version) => {
      expect(nodeProblem(version)).toMatch(new RegExp(`needs Node\\.js 20\\.17 or newer; this is ${version}\\.`));
    },
  );

  it.each([
    ["win32", "x64"],
    ["darwin", "arm64"],
    ["linux", "ia32"],
  ] as const)("refuses %s %s and says where it runs", (platform, arch) => {
    expect(platformProblem(platform, arch)).toMatch(`runs on Linux (x64 or arm64); this is ${platform} ${arch}`);
  });

  it("takes a processor with AVX2 and FMA, Arm, and one that cannot be asked", () => {
    expect(cpuProblem("x64", modern)).toBeNull();
    expect(cpuProblem("arm64", "")).toBeNull();
    expect(cpuProblem("x64", "")).toBeNull();
  });

  it("refuses an older processor by its name", () => {
    expect(cpuProblem("x64", old)).toMatch(/needs a processor with AVX2 and FMA .*; this one is Old CPU\./);
  });
});
