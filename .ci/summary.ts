/** Adds up the reports of the test runs into the closing line of `.ci/run`; a skipped test or a missing report is a failure. */

import { readFileSync } from 'node:fs';

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
}

const [failedSteps = '0', ...reports] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const path of reports) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
    const skipped = report.numPendingTests + report.numTodoTests;
    if (skipped > 0) console.log(`${path}: ${skipped} skipped, counted as failed`);
    // A file that fails before its tests are collected shows only as a failed suite.
    const notCollected = report.numFailedTests === 0 ? report.numFailedTestSuites : 0;
    passed += report.numPassedTests;
    failed += report.numFailedTests + skipped + notCollected;
  } catch (error) {
    console.log(`no report at ${path}: ${error instanceof Error ? error.message : error}`);
    failed += 1;
  }
}
// A step that failed without a failed test to show for it (types, lint, dead code, documentation) counts once.
if (failed === 0) failed = Number(failedSteps);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
