/** `--relation`: how neighbouring data sets differ, of commands that train nothing. */
import { Option } from "commander";
import { relations } from "../privacy/relation.js";

export function relationOption(): Option {
  return new Option("--relation <name>", "how neighbouring data sets differ; add/remove and zero-out cost the same")
    .choices(relations)
    .default(relations[0]);
}
