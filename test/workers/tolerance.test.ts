/** The fate of bad records under each combination of settings. */

import { describe, expect, test } from 'vitest';
import { type ErrorPolicy, errorPolicyOf, judgeBadRecord } from '../../workers/tolerance.ts';

const policy = (change: Partial<ErrorPolicy>): ErrorPolicy => ({
  tolerance: 'none',
  deadLetterTopic: undefined,
  contextHeaders: false,
  logEnabled: false,
  ...change,
});

describe('what becomes of a bad record', () => {
  test.each([
    ['none', undefined, { deadLetter: false, failTask: true, countAs: 'failed' }],
    ['none', 'dlq', { deadLetter: true, failTask: true, countAs: 'failed' }],
    ['all', undefined, { deadLetter: false, failTask: false, countAs: 'skipped' }],
    ['all', 'dlq', { deadLetter: true, failTask: false, countAs: 'dead_lettered' }],
  ] as const)('tolerance %s with dead letter topic %s', (tolerance, deadLetterTopic, verdict) => {
    expect(judgeBadRecord(policy({ tolerance, deadLetterTopic }))).toMatchObject(verdict);
  });

  test('a record that is kept nowhere is always logged (promise 9)', () => {
    expect(judgeBadRecord(policy({ tolerance: 'all' })).log).toBe(true);
    expect(judgeBadRecord(policy({ tolerance: 'all', deadLetterTopic: 'dlq' })).log).toBe(false);
    expect(judgeBadRecord(policy({ tolerance: 'all', deadLetterTopic: 'dlq', logEnabled: true })).log).toBe(true);
  });

  test('the policy is what the settings say', () => {
    const settings = {
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': 'dlq',
      'errors.deadletterqueue.context.headers.enable': true,
      'errors.log.enable': false,
    } as const;
    expect(errorPolicyOf(settings)).toEqual({
      tolerance: 'all',
      deadLetterTopic: 'dlq',
      contextHeaders: true,
      logEnabled: false,
    });
  });
});
