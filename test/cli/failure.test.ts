import { expect, it } from "vitest";
import { failureLine, printable } from "../../src/cli/failure.js";

it("shows control characters of file names as escapes", () => {
  expect(failureLine(new Error("a/\u001b[31mred\r.png: damaged\nb.png"))).toBe(
    "hushgrad: a/\\x1b[31mred\\x0d.png: damaged\nb.png",
  );
  expect(printable("Größe \u009b")).toBe("Größe \\x9b");
});
