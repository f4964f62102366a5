/** The memory of an answer goes back once, after everybody who reads it has read. */

import { expect, test } from 'vitest';
import { SharedAnswer } from '../../../core/client/shared-answer.ts';

test('the last of its readers gives it back, however often each says that it has read', () => {
  let given = 0;
  const answer = new SharedAnswer(() => {
    given++;
  });
  const first = answer.share();
  const second = answer.share();
  first();
  first();
  expect(given).toBe(0);
  second();
  first();
  expect(given).toBe(1);
});
