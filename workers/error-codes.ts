/** The error codes of workers. */

import { defineErrors } from '../core/base/errors.ts';

export const workerErrors = defineErrors('worker', {
  'record-too-large': {
    meaning: 'A source produced a record that no batch of its topic can hold.',
    fix: 'Raise max.message.bytes of the topic, or set errors.tolerance: all to skip such records and count them.',
    retriable: false,
  },
  'bad-record': {
    meaning: 'A sink cannot write a record and errors.tolerance is none.',
    fix: 'Correct the record upstream, or set errors.tolerance: all, best with errors.deadletterqueue.topic.name.',
    retriable: false,
  },
  'too-many-dead-letters': {
    meaning: 'A sink reported bad records faster than they could be written to the dead letter topic.',
    fix: 'Find out why so many records are bad; the task starts again from the last committed offset.',
    retriable: true,
  },
  'topic-unavailable': {
    meaning: 'A topic that a task needs is not there and could not be created.',
    fix: 'Create it, or allow the worker to.',
    retriable: true,
  },
  'unknown-connector-class': {
    meaning: 'The settings name a connector that this program does not have.',
    fix: 'Use one of the names that GET /connector-plugins lists.',
    retriable: false,
  },
  'invalid-connector': {
    meaning: 'The settings of a connector are wrong; all problems are listed.',
    fix: 'Correct them and send the request again.',
    retriable: false,
  },
  'bad-request': {
    meaning: 'A REST request does not have the form it must have.',
    fix: 'Compare it with the REST reference.',
    retriable: false,
  },
  'no-status': {
    meaning: 'A connector or task has not said anything about itself yet, or is not there.',
    fix: 'Ask again in a moment.',
    retriable: true,
  },
  'task-missing': {
    meaning: 'The connector has no task of that number.',
    fix: 'GET /connectors/{name}/tasks lists those there are.',
    retriable: false,
  },
  'unknown-plugin': {
    meaning: 'There is no connector of that name.',
    fix: 'GET /connector-plugins lists those there are.',
    retriable: false,
  },
  fenced: {
    meaning: 'A write was refused because another task has taken the work over.',
    fix: 'Nothing: the new owner goes on from what is committed.',
    retriable: true,
  },
  'exactly-once-unavailable': {
    meaning: 'A source insists on exactly-once delivery, which this worker does not give.',
    fix: 'Start the worker with exactly-once sources, or set exactly.once.support: requested.',
    retriable: false,
  },
  'connector-not-stopped': {
    meaning: 'Offsets can only be moved while nothing of the connector runs.',
    fix: 'Stop the connector, wait until it is STOPPED, and send the request again.',
    retriable: true,
  },
  'rest-listen': {
    meaning: 'The REST interface cannot listen on its address.',
    fix: 'Choose another address with --rest, or stop what uses it.',
    retriable: false,
  },
  'connector-exists': {
    meaning: 'A connector of that name is there already.',
    fix: 'Choose another name, or PUT its config to change it.',
    retriable: false,
  },
  'connector-missing': {
    meaning: 'There is no connector of that name.',
    fix: 'GET /connectors lists those there are.',
    retriable: false,
  },
  'bad-plan': {
    meaning: 'A connector split its work into no task at all, or into more than tasks.max.',
    fix: 'Report it to the author of the connector.',
    retriable: false,
  },
  'plan-timeout': {
    meaning: 'A connector took too long to split its work into tasks; others are not disturbed.',
    fix: 'Look at the system it reads from; planning is tried again by itself.',
    retriable: true,
  },
  'topic-not-compacted': {
    meaning: 'A topic that holds the state of workers is not compacted.',
    fix: 'Set its cleanup.policy to compact, or name another topic.',
    retriable: false,
  },
  'run-failed': {
    meaning: 'A bounded run cannot be completed, because a connector or task failed for good.',
    fix: 'Correct what the message says and run it again; it goes on where it was.',
    retriable: false,
  },
  'stop-deadline': {
    meaning: 'A task did not drain and close in time and was ended.',
    fix: 'Nothing is lost: what was not committed is read again. If it happens often, allow more time to stop.',
    retriable: true,
  },
  'thread-out-of-memory': {
    meaning: 'A task needed more heap than its thread may use; only that task ended.',
    fix: 'Lower its buffer and batch settings, or allow task threads more memory.',
    retriable: true,
  },
  'thread-crashed': {
    meaning: 'Code of a task threw where nobody catches, or ended its thread; only that task ended.',
    fix: 'Report it with the trace; the task starts again by itself.',
    retriable: true,
  },
});
