/** What the checker finds, by the names Jepsen's Kafka workload gave them where it has one. */

export type AnomalyKind =
  | 'lost-write'
  | 'unseen'
  | 'duplicate'
  | 'inconsistent-offset'
  | 'phantom-read'
  | 'aborted-read'
  | 'torn-transaction'
  | 'poll-skip'
  | 'internal-poll-skip'
  | 'nonmonotonic-poll'
  | 'internal-nonmonotonic-poll'
  | 'nonmonotonic-send'
  | 'internal-nonmonotonic-send'
  | 'fence-ignored'
  | 'transformed-twice'
  | 'never-transformed'
  | 'write-cycle'
  | 'information-cycle'
  | 'stuck'
  | 'realtime-order';

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** One sentence with the names, values and offsets it is about. */
  readonly message: string;
}
