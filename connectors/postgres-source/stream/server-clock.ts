/** What the server's clock says, as far as its messages tell: ages of changes must not depend on whose clock is wrong. Pure. */

/** A clock that was set anew is believed after twice this time, at the latest. */
const windowMs = 300_000;

/**
 * Every message says when it was sent. The least time that one seems to have been under way is how far the clocks are apart,
 * but for the time of the fastest message: what waits before it is read only seems slower.
 */
export class ServerClock {
  #apartMs = Number.POSITIVE_INFINITY;
  /** Of the window before. */
  #earlierMs = Number.POSITIVE_INFINITY;
  #windowEndsMs = Number.NEGATIVE_INFINITY;

  /** A message that was sent at `serverMs` is read at `nowMs`; both in milliseconds since 1970, of either's clock. */
  told(serverMs: number, nowMs: number): void {
    if (nowMs >= this.#windowEndsMs || nowMs < this.#windowEndsMs - windowMs) {
      this.#earlierMs = this.#apartMs;
      this.#apartMs = Number.POSITIVE_INFINITY;
      this.#windowEndsMs = nowMs + windowMs;
    }
    this.#apartMs = Math.min(this.#apartMs, nowMs - serverMs);
  }

  /** The server's time when ours is `nowMs`; ours while it has told nothing. */
  at(nowMs: number): number {
    const apartMs = Math.min(this.#apartMs, this.#earlierMs);
    return apartMs === Number.POSITIVE_INFINITY ? nowMs : nowMs - apartMs;
  }
}
