/** InitProducerId (22): a producer's id and epoch; under a transactional id every earlier producer is fenced by it. */

import { describeError } from '../../base/errors.ts';
import type { RequestOf } from '../../protocol/api.ts';
import { initProducerIdApi } from '../../protocol/apis/producer-ids.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';
import { olderFence } from '../transaction-errors.ts';

type Request = RequestOf<typeof initProducerIdApi>;

export function initProducerIdHandler(services: Services): ApiHandler {
  return defineHandler(initProducerIdApi, {
    leavesOut: 'nothing',
    async handle(request, call) {
      try {
        const { errorCode, ...identity } = await identityOf(services, request);
        return { ...identity, errorCode: olderFence(errorCode, call.version >= 4) };
      } catch (error) {
        services.logger.error({}, `no producer id: ${describeError(error)}`);
        // Clients ask again; the ids are reserved on disk, and a disk that fails ends the broker anyway.
        return failed(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
      }
    },
  });
}

async function identityOf(
  services: Services,
  { transactionalId, transactionTimeoutMs, producerId, producerEpoch }: Request,
) {
  // Neither or both: a producer that asks for its next epoch says which one it has.
  if (producerId < 0 !== producerEpoch < 0) return failed(kafkaErrors.INVALID_REQUEST);
  if (transactionalId === '') return failed(kafkaErrors.INVALID_REQUEST);
  if (transactionalId === null) {
    return { errorCode: kafkaErrors.NONE, producerId: await services.nextProducerId(), producerEpoch: 0 };
  }
  const expected = producerId < 0 ? undefined : { producerId, producerEpoch };
  return services.transactions.init(transactionalId, { timeoutMs: transactionTimeoutMs, expected });
}

function failed(errorCode: number) {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
