/** Lists of pictures. */
import { parsePictureRows } from "../../../src/data/csv-pictures.js";
import { DataError } from "../../../src/data/dataset.js";
import { changedBytes } from "../bytes.js";
import { defineTarget, promise } from "../fuzz.js";

const lists = [
  "path,label\na.png,3\nmore/b.png,0\n",
  "\ufeffid,label,path\r\n1,3,a.png\r\n2,0,more/b.png",
  '"path";label\n\n"a ""b"".png";3\n"x\ny.png";0\n\n',
  "__proto__,path,label,constructor\n,a.png,3,\n",
  `path,label\n${"a".repeat(300)},1\n`,
].map((text) => Buffer.from(text));
const delimiters = [",", ",", ",", ";", ";", "\t", '"', "\n", "\r", " ", "\\", "\0", "é", "a"];

export const csv = defineTarget({
  name: "csv",
  errors: [DataError],
  make: (random) => ({ bytes: changedBytes(random, lists), delimiter: random.pick(delimiters) }),
  run({ bytes, delimiter }) {
    const rows = parsePictureRows(bytes, { file: "f", delimiter });
    for (const { line, path, label } of rows) {
      promise(typeof path === "string" && typeof label === "string" && line > 0, "no path, label or line");
    }
  },
});
