/** The rules across settings that hold for every connector (Kafka Connect has the same ones: `SinkConnectorConfig`). */

import { matchesWhole } from './whole-match.ts';

export type ReportProblem = (key: string, message: string, fix: string) => void;

export function checkSink(values: Readonly<Record<string, unknown>>, report: ReportProblem): void {
  const topics = values['topics'] as readonly string[] | undefined;
  const pattern = values['topics.regex'] as RegExp | undefined;
  if (topics !== undefined && pattern !== undefined) {
    report('topics.regex', 'topics is given too, and only one of the two can count', 'Remove one of them.');
  }
  if (topics === undefined && pattern === undefined) {
    report('topics', 'a sink must know what to read', 'Give topics, or topics.regex.');
  }
  const deadLetters = values['errors.deadletterqueue.topic.name'] as string | undefined;
  if (deadLetters === undefined) return;
  const isRead = topics?.includes(deadLetters) || (pattern !== undefined && matchesWhole(pattern, deadLetters));
  if (isRead) {
    const message = 'the sink reads this topic itself, so each dead letter would fail again';
    report('errors.deadletterqueue.topic.name', message, 'Name a topic that the sink does not read.');
  }
}

export function checkSource(values: Readonly<Record<string, unknown>>, report: ReportProblem): void {
  const deadLetters = values['errors.deadletterqueue.topic.name'];
  if (deadLetters !== undefined && deadLetters === values['topic']) {
    const message = 'dead letters would go among the good records';
    report('errors.deadletterqueue.topic.name', message, 'Name another topic than the one the source writes to.');
  }
}

/** For a source that knows no transactions. */
export function checkWithoutTransactions(values: Readonly<Record<string, unknown>>, report: ReportProblem): void {
  if (values['transaction.boundary'] !== 'connector') return;
  const message = 'what the connector reads has no transactions, so it cannot say where they end';
  report('transaction.boundary', message, 'Use poll or interval.');
}
