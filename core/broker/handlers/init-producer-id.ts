/** InitProducerId (22): a fresh producer id with epoch 0 for a producer that is idempotent and not transactional. */

import { describeError } from '../../base/errors.ts';
import { initProducerIdApi } from '../../protocol/apis/producer-ids.ts';
import { kafkaErrors } from '../../protocol/kafka-errors.ts';
import { type ApiHandler, defineHandler, type Services } from '../api-handler.ts';

export function initProducerIdHandler(services: Services): ApiHandler {
  return defineHandler(initProducerIdApi, {
    leavesOut: 'transactional ids are answered UNSUPPORTED_VERSION and logged',
    async handle(request, call) {
      const failed = (errorCode: number) => ({ errorCode, producerId: -1, producerEpoch: -1 });
      if (request.transactionalId !== null) {
        const fields = { peer: call.client.host, transactionalId: request.transactionalId };
        services.logger.warn(fields, 'a client asked for transactions, which this broker does not support yet');
        return failed(kafkaErrors.UNSUPPORTED_VERSION);
      }
      try {
        const producerId = await services.nextProducerId();
        return { errorCode: kafkaErrors.NONE, producerId, producerEpoch: 0 };
      } catch (error) {
        services.logger.error({}, `no producer id: ${describeError(error)}`);
        // Clients ask again; the ids are reserved on disk, and a disk that fails ends the broker anyway.
        return failed(kafkaErrors.COORDINATOR_NOT_AVAILABLE);
      }
    },
  });
}
