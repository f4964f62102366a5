/** What the workload needs of a client that writes; each adapter is one client library. */

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface PlainProducer {
  /** One batch; resolves to the offset of its first record once it is acknowledged, undefined when the client does not say. */
  send(topic: string, partition: number, values: readonly string[]): Promise<number | undefined>;
  close(): Promise<void>;
}

/** After a failure of anything but `abort` only `abort` and `close` make sense. */
export interface Transactor extends PlainProducer {
  begin(): Promise<void>;
  sendOffsets(groupId: string, offsets: readonly Position[]): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface LogClient {
  readonly name: string;
  openProducer(): Promise<PlainProducer>;
  /** Takes the transactional id over: resolves when whoever had it is fenced and what it left open is ended. */
  openTransactor(transactionalId: string, timeoutMs: number): Promise<Transactor>;
}
