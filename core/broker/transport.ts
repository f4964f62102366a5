/** What a connection needs of the thing that carries its bytes: a TCP socket, or a stream between threads. */

export interface TransportEvents {
  /** The bytes are valid until the call returns; what is kept must be copied. */
  onData(chunk: Buffer): void;
  /** The peer sends nothing more; it may still read. */
  onEnd(): void;
  /** Nothing can be read or written any more; called exactly once. */
  onClose(): void;
}

export interface Transport {
  /** The peer's address, for log lines and for the member list of a group. */
  readonly peer: string;
  /** Must be called once, before the first event. */
  bind(events: TransportEvents): void;
  /**
   * Sends the pieces in order without copying them; they must not change until `onFlushed`, which is called once the
   * peer's side took them all. It is not called when the transport closes before.
   */
  write(pieces: readonly Buffer[], onFlushed: () => void): void;
  /** Stops `onData`, except for a chunk that is being delivered. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}
