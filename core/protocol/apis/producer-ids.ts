/** InitProducerId: gives an idempotent producer its identity and fences an older one of the same transactional id. */

import { defineApi } from '../api.ts';
import { int16, int32, int64, string } from '../field.ts';

export const initProducerIdApi = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    /** null for a producer that is idempotent only. */
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.from(3).or(-1),
    producerEpoch: int16.from(3).or(-1),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    producerId: int64.or(-1),
    producerEpoch: int16,
  },
});
