/** What a reader of a sweep's page must know, in sentences made from the runs themselves. */
import type { CellRun } from "../sweep/runs.js";
import { lineLabel } from "./line-label.js";
import { epsilonText } from "./numbers.js";
import type { SweepReport } from "./sweep-report.js";

/** Beyond, an attacker's odds may grow e^10-fold. */
const WEAK = 10;

export function remarks(report: SweepReport): string[] {
  return [
    ...report.notes,
    unitRemark(report),
    sizeRemark(report),
    choiceRemark(report),
    selectedRemark(report),
    measuredRemark(report),
    ...gaps(report),
  ].filter((text) => text !== "");
}

function privateRuns({ runs }: SweepReport): readonly CellRun[] {
  return runs.filter(({ privacy }) => privacy === "private");
}

function unitRemark(report: SweepReport): string {
  const [first] = privateRuns(report);
  if (!first) return "No cell is private: nothing here has an ε.";
  const { relation } = first.ledger.start;
  const group = first.config.privacy?.group;
  const unit = `ε is an upper bound for one example (${relation}).`;
  if (!group) return `${unit} Somebody to whom several examples belong is protected less.`;
  return (
    `${unit} The configuration declares that no ${group.name} has more than ${group.size} of them: what the same models ` +
    `tell about a ${group.name} as a whole is the larger ε beside it.`
  );
}

function sizeRemark(report: SweepReport): string {
  const runs = privateRuns(report);
  const weak = runs.filter(({ epsilon }) => epsilon > WEAK);
  if (weak.length === 0) return "";
  const rates = weak.map(({ ledger }) => ledger.start.mechanisms[0]?.samplingRate ?? 0);
  const { batchSize, privacy } = (weak[0] as CellRun).config;
  const batch = batchSize && privacy?.datasetSize ? `: ${batchSize} of ${privacy.datasetSize} examples on average` : "";
  return (
    `${weak.length} of the ${runs.length} private cells have an ε above ${WEAK}, where it promises next to nothing (e^${WEAK} ` +
    `is 22,026). A step sees the share q = ${Math.max(...rates).toPrecision(3)} of the data${batch}. More examples, more noise or fewer ` +
    "steps would make it smaller."
  );
}

function choiceRemark({ spent, runs, damaged }: SweepReport): string {
  if (damaged.length > 0) return "What all cells spent together cannot be told: some cannot be read.";
  if (!spent) return "";
  const group = spent.group
    ? ` (${epsilonText(spent.group.epsilon)} for a ${spent.group.name} with up to ${spent.group.size} examples)`
    : "";
  const others = runs.some(({ privacy }) => privacy !== "private")
    ? " Cells without DP or with a seed have no ε, and what is chosen by looking at them has none."
    : "";
  return (
    `Choosing the best of several runs is outside ε. Whoever reads this page and publishes one model has spent what all ` +
    `${spent.runs} private cells spent together, if they are about the same data: ε = ${epsilonText(spent.epsilon)}${group} at ` +
    `δ = ${spent.delta} (${spent.accountant}).${others}`
  );
}

function selectedRemark({ selected }: SweepReport): string {
  if (!selected) return "";
  const { law, mean, by, epsilon, delta, relation, best } = selected;
  return (
    `The runs were drawn to choose the best by ${by} (${law} of mean ${mean}). ${best?.name ?? "The best"} published alone has ` +
    `ε = ${epsilonText(epsilon)} at δ = ${delta} under ${relation}, by RepeatAndSelect, as long as this page and everything else of ` +
    "the runs, their number too, stay secret."
  );
}

function measuredRemark({ runs }: SweepReport): string {
  if (new Set(runs.map(placeOf)).size === runs.length)
    return "A point is one run of one cell: how much another run of the same cell would differ was not measured.";
  return "Lines are means over runs that differ in their seed alone, pale points the single runs.";
}

/** Where a run stands on the charts. */
function placeOf(run: CellRun): string {
  return JSON.stringify([lineLabel(run), run.noiseMultiplier]);
}

function gaps({ missing, damaged }: SweepReport): string[] {
  const begun = missing.length > 0 ? [`Not begun: ${missing.join(", ")}.`] : [];
  return [...begun, ...damaged.map((reason) => `Left out: ${reason}`)];
}
