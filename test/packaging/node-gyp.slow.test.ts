/** `npx node-gyp rebuild` in a clone: binding.gyp hands over to CMakeLists.txt. */
import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copySources, emptyFolder, root, runCommand } from "./commands.js";

let clone: string;
beforeAll(() => {
  clone = emptyFolder("gyp");
  copySources(clone);
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

/** node-gyp downloads Node's headers unless it is told where they are; an installed Node mostly brings them. */
function headersOfThisNode(): string[] {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node.h")) ? [`--nodedir=${prefix}`] : [];
}

describe("node-gyp", () => {
  it("builds an addon that loads", () => {
    const nodeGyp = join("node_modules", "node-gyp", "bin", "node-gyp.js");
    const { status, output } = runCommand(clone, process.execPath, [nodeGyp, "rebuild", ...headersOfThisNode()]);
    expect(status, output.slice(-5000)).toBe(0);
    const addon = createRequire(import.meta.url)(join(clone, "build", "Release", "hushgrad.node")) as {
      info(): { layers: string[] };
    };
    expect(addon.info().layers).toContain("Linear");
  });

  it("has no list of sources of its own", () => {
    expect(readFileSync(join(root, "binding.gyp"), "utf8")).not.toMatch(/\.cpp|\.cc\b|"sources"/);
  });
});
