/** The markers that end a transaction in a partition: control batches of one record, in Kafka's layout. */

import { BatchBuilder } from './batch-builder.ts';
import {
  BATCH_HEADER_BYTES,
  batchProducerEpoch,
  batchProducerId,
  batchSizeBytes,
  sealCrc,
  setControl,
} from './batch-header.ts';
import { RecordScanner } from './record-scanner.ts';

export interface TransactionMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Grows with every start of the coordinator; a marker of an older one is refused. */
  readonly coordinatorEpoch: number;
}

/** int16 version and int16 type: 0 abort, 1 commit. */
const keyBytes = 4;
/** int16 version and int32 coordinator epoch. */
const valueBytes = 6;

const builder = new BatchBuilder({ initialBytes: 256 });
const noBytes = Buffer.alloc(0);
const scanner = new RecordScanner(noBytes);

export function encodeMarker(marker: TransactionMarker, timestampMs: number): Buffer {
  const key = Buffer.alloc(keyBytes);
  key.writeInt16BE(marker.isCommit ? 1 : 0, 2);
  const value = Buffer.alloc(valueBytes);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  builder.reset();
  builder.appendRecord({ key, value, timestampMs });
  const { producerId, producerEpoch } = marker;
  const producer = { producerId, producerEpoch, baseSequence: -1 };
  const batch = builder.build({ producer, isTransactional: true, isLeftUnsealed: true });
  setControl(batch, 0);
  sealCrc(batch, 0);
  return batch;
}

/** What the control batch at `at` says, or undefined when it ends no transaction; the whole batch must be there. */
export function decodeMarker(buffer: Buffer, at: number): TransactionMarker | undefined {
  const end = at + batchSizeBytes(buffer, at);
  scanner.setBuffer(buffer);
  const isWhole = end <= buffer.length && scanner.scan(at + BATCH_HEADER_BYTES, end) >= 0;
  const { keyStart, keyEnd, valueStart, valueEnd } = scanner;
  scanner.setBuffer(noBytes);
  if (!isWhole || keyStart < 0 || keyEnd - keyStart < keyBytes) return undefined;
  const type = buffer.readInt16BE(keyStart + 2);
  if (type !== 0 && type !== 1) return undefined;
  const hasEpoch = valueStart >= 0 && valueEnd - valueStart >= valueBytes;
  return {
    producerId: batchProducerId(buffer, at),
    producerEpoch: batchProducerEpoch(buffer, at),
    isCommit: type === 1,
    coordinatorEpoch: hasEpoch ? buffer.readInt32BE(valueStart + 2) : -1,
  };
}
