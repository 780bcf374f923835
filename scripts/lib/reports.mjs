// Counts of test reports: JUnit XML as ctest writes it, JSON as Vitest writes it.

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @param {string} xml
 * @returns {Counts}
 */
export function countJUnit(xml) {
  const suite = /<testsuite\b[^>]*>/.exec(xml)?.[0] ?? "";
  const number = (/** @type {string} */ name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const skipped = number("skipped") + number("disabled");
  return { passed: number("tests") - failed - skipped, failed, skipped };
}

/**
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, testResults: { status: string, assertionResults: unknown[] }[] }} report
 *   Vitest's JSON report
 * @returns {Counts} a file that did not even load counts as one failure
 */
export function countVitest(report) {
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests,
  };
}
