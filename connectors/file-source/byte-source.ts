/** Plain bytes of a file from a position on, whatever they are packed in. */

export interface ByteWindow {
  /** Valid until the next call. Ends where the window ends. */
  readonly bytes: Buffer;
  /** Where the asked position is; up to 64 bytes in front of it belong to the file too. */
  readonly start: number;
  /** The first of those bytes. */
  readonly behind: number;
  /** Nothing follows the window now. */
  readonly isEnd: boolean;
  /** Nothing ever will: a compressed file that is complete. */
  readonly isFinal: boolean;
}

export interface ByteSource {
  /** At least `atLeast` bytes unless the end comes first. Rejects with `file-source/bad-gzip` or the system's error. */
  read(position: number, atLeast: number): Promise<ByteWindow>;
  close(): void;
}
