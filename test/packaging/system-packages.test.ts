import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const module = join(dirname(fileURLToPath(import.meta.url)), "../../scripts/lib/system-packages.mjs");
const headers = ["oneapi/dnnl/dnnl.hpp", "hwy/highway.h", "openssl/evp.h", "gtest/gtest.h"];

/** A machine of its own: PATH and the include folder hold only what a test puts there. */
let machine: string;
beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), "hushgrad-machine-"));
  mkdirSync(join(machine, "bin"));
  mkdirSync(join(machine, "include"));
});
afterEach(() => rmSync(machine, { recursive: true, force: true }));

function addExecutable(name: string, script = "exit 0"): void {
  const path = join(machine, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function addHeader(name: string): void {
  const path = join(machine, "include", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
}

function addEverything(): void {
  for (const name of ["g++", "cmake", "ninja", "pkg-config", "clang-format"]) addExecutable(name);
  for (const name of headers) addHeader(name);
}

/** Installs what is missing, as a user with the given id, without a terminal. */
function install(userId: number): { status: number | null; output: string } {
  const script = `
    process.getuid = () => ${userId};
    const { installPackages, missingPackages } = await import(${JSON.stringify(module)});
    try { await installPackages(missingPackages(["build", "test"])); console.log("all there"); }
    catch (error) { console.error(error.message); process.exitCode = 1; }`;
  const env = { PATH: join(machine, "bin"), HUSHGRAD_INCLUDE_PATH: join(machine, "include"), MACHINE: machine };
  const args = ["--input-type=module", "--eval", script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

describe("system packages", () => {
  it("asks for nothing where everything is there", () => {
    addEverything();
    expect(install(0)).toEqual({ status: 0, output: "all there\n" });
  });

  it("takes make for ninja and clang++ for g++", () => {
    addEverything();
    rmSync(join(machine, "bin", "ninja"));
    rmSync(join(machine, "bin", "g++"));
    addExecutable("make");
    addExecutable("clang++");
    expect(install(0).status).toBe(0);
  });

  it("installs as root without a question, and says what", () => {
    addEverything();
    rmSync(join(machine, "include", "hwy"), { recursive: true });
    const touch =
      'if [ "$2" = install ]; then /bin/mkdir -p "$MACHINE/include/hwy" && : > "$MACHINE/include/hwy/highway.h"; fi';
    addExecutable("apt-get", `echo "apt-get $*" >> "$MACHINE/log"\n${touch}`);
    const { status, output } = install(0);
    expect(output).toContain("Missing system packages: libhwy-dev");
    expect(status).toBe(0);
    expect(readFileSync(join(machine, "log"), "utf8")).toBe(
      "apt-get -q update\napt-get -q install -y --no-install-recommends libhwy-dev\n",
    );
  });

  it("fails with one error that names the packages and the command when apt-get cannot install them", () => {
    addEverything();
    rmSync(join(machine, "include", "oneapi"), { recursive: true });
    rmSync(join(machine, "bin", "cmake"));
    addExecutable("apt-get", "exit 100");
    const { status, output } = install(0);
    expect(status).toBe(1);
    expect(output).toContain(
      "Missing system packages: cmake (build system), libdnnl-dev (oneDNN: products and convolutions).",
    );
    expect(output).toContain("apt-get ended with exit status 100");
    expect(output).toContain("Type: apt-get update && apt-get install -y cmake libdnnl-dev");
  });

  it("notices when apt-get claims success and the package is still not there", () => {
    addEverything();
    rmSync(join(machine, "include", "openssl"), { recursive: true });
    addExecutable("apt-get", "exit 0");
    const { status, output } = install(0);
    expect(status).toBe(1);
    expect(output).toContain("Missing system package: libssl-dev (OpenSSL: random bits). It could not be installed");
  });

  it("uses sudo without a password where there is no terminal, and names the command where it wants one", () => {
    addEverything();
    rmSync(join(machine, "include", "gtest"), { recursive: true });
    addExecutable("apt-get");
    addExecutable("sudo", "exit 1");
    const { status, output } = install(1000);
    expect(status).toBe(1);
    expect(output).toContain("sudo wants a password");
    expect(output).toContain("Type: sudo apt-get update && sudo apt-get install -y libgtest-dev");
  });

  it("runs sudo -n apt-get where sudo asks for nothing", () => {
    addEverything();
    rmSync(join(machine, "include", "gtest"), { recursive: true });
    addExecutable("apt-get");
    const touch = '/bin/mkdir -p "$MACHINE/include/gtest"; : > "$MACHINE/include/gtest/gtest.h"';
    addExecutable("sudo", `echo "sudo $*" >> "$MACHINE/log"\n${touch}`);
    expect(install(1000).status).toBe(0);
    expect(readFileSync(join(machine, "log"), "utf8")).toBe(
      "sudo -n true\nsudo -n apt-get -q update\nsudo -n apt-get -q install -y --no-install-recommends libgtest-dev\n",
    );
  });

  it("says so where there is no apt-get", () => {
    addEverything();
    rmSync(join(machine, "bin", "pkg-config"));
    const { status, output } = install(0);
    expect(status).toBe(1);
    expect(output).toContain(
      "Missing system package: pkg-config (finds libraries). It could not be installed: there is no apt-get here.",
    );
  });
});
