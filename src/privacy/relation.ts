/**
 * How neighbouring data sets differ. The three rest on different facts of a run, and cost differently: replacing an example
 * moves the clipped sum by up to 2S, the others by S.
 */
import type { MechanismKind } from "./mechanism.js";

/** From the strongest facts to the weakest. */
export const relations = ["add/remove", "zero-out", "replace-one"] as const;
export type Relation = (typeof relations)[number];

export const relationMeanings: Readonly<Record<Relation, string>> = {
  "add/remove":
    "neighbouring data sets differ by one example's presence; sampling rate, normaliser and step count come from the configuration, where the data set's size is declared public",
  "zero-out":
    "neighbouring data sets differ by one example being replaced with one that contributes nothing; the data set's size may have been counted in the data and is not protected",
  "replace-one":
    "neighbouring data sets differ by one example being replaced with any other; the data set's size may have been counted in the data and is not protected",
};

/** What a run claims unless told otherwise. `sizeIsPublic`: declared, and not counted in the data. */
export function defaultRelation(sizeIsPublic: boolean): Relation {
  return sizeIsPublic ? "add/remove" : "zero-out";
}

/** The relation under which all of several guarantees hold, each accounted for under it. */
export function weakest(some: readonly Relation[]): Relation {
  return relations[Math.max(0, ...some.map((relation) => relations.indexOf(relation)))] as Relation;
}

/** What the same step is to the accountant under another relation. */
export function underRelation<Row extends object>(
  row: Row & Pick<MechanismKind, "relation">,
  relation: Relation,
): Row & Pick<MechanismKind, "relation"> {
  const { relation: _, ...rest } = row;
  return (relation === "replace-one" ? { ...rest, relation } : rest) as Row;
}
