/** Compares the leader epoch a client knows with ours (KIP-320). */

import { kafkaErrors } from '../protocol/kafka-errors.ts';

/** -1 means that the client does not say. */
export function checkLeaderEpoch(log: { readonly leaderEpoch: number }, clientEpoch: number): number {
  if (clientEpoch < 0 || clientEpoch === log.leaderEpoch) return kafkaErrors.NONE;
  return clientEpoch < log.leaderEpoch ? kafkaErrors.FENCED_LEADER_EPOCH : kafkaErrors.UNKNOWN_LEADER_EPOCH;
}
