/** What was found about each connector, as text: first what it is about, then what to execute. Pure. */

import type { Finding } from '../connectors/contract/finding.ts';

export interface Examined {
  readonly connector: string;
  /** Empty where there is nothing to look at. */
  readonly findings: readonly Finding[];
}

const indent = '           ';

export function renderExamined(examined: readonly Examined[]): string {
  return examined.map(({ connector, findings }) => [connector, ...linesOf(findings)].join('\n')).join('\n\n');
}

function linesOf(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return ['  there is nothing to look at'];
  const lines = findings.flatMap(({ subject, state, message, fix }) => [
    `  ${state.padEnd(indent.length - 4)}  ${subject}: ${message}`,
    ...fix.map((statement) => `${indent}${statement};`),
  ]);
  return [...lines, `  ${summary(findings)}`];
}

function summary(findings: readonly Finding[]): string {
  const count = (state: Finding['state']) => findings.filter((each) => each.state === state).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems + warnings === 0) return 'all is well';
  return `${problems} ${problems === 1 ? 'problem' : 'problems'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
}
