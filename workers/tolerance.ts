/** What becomes of a record that cannot be delivered: Kafka Connect's `errors.*` settings and their rules. Pure. */

export interface ErrorPolicy {
  readonly tolerance: 'none' | 'all';
  /** Where bad records are kept; undefined when nobody asked for that. */
  readonly deadLetterTopic: string | undefined;
  readonly contextHeaders: boolean;
  readonly logEnabled: boolean;
}

export interface Verdict {
  /** The record is written to the dead letter topic first; also under tolerance `none`, so that it can be looked at. */
  readonly deadLetter: boolean;
  /** The task fails once that is done. */
  readonly failTask: boolean;
  /** How the record is counted (promise 9). */
  readonly countAs: 'dead_lettered' | 'skipped' | 'failed';
  readonly log: boolean;
}

/** The typed settings of a connector that this needs. */
export interface ErrorSettings {
  readonly 'errors.tolerance': 'none' | 'all';
  readonly 'errors.deadletterqueue.topic.name': string | undefined;
  readonly 'errors.deadletterqueue.context.headers.enable': boolean;
  readonly 'errors.log.enable': boolean;
}

export function errorPolicyOf(settings: ErrorSettings): ErrorPolicy {
  return {
    tolerance: settings['errors.tolerance'],
    deadLetterTopic: settings['errors.deadletterqueue.topic.name'],
    contextHeaders: settings['errors.deadletterqueue.context.headers.enable'],
    logEnabled: settings['errors.log.enable'],
  };
}

/**
 * The tolerance decides whether the task goes on, the dead letter topic whether the record is kept: they are
 * independent. A tolerated record without a dead letter topic is gone, so it is always logged.
 */
export function judgeBadRecord(policy: ErrorPolicy): Verdict {
  const deadLetter = policy.deadLetterTopic !== undefined;
  const failTask = policy.tolerance === 'none';
  return {
    deadLetter,
    failTask,
    countAs: failTask ? 'failed' : deadLetter ? 'dead_lettered' : 'skipped',
    log: policy.logEnabled || !deadLetter,
  };
}
