/** The store as the sink calls it: each call repeated until it succeeds, is useless, or nobody waits for it any more. */

import type { Clock } from '../../../core/base/clock.ts';
import { describeError } from '../../../core/base/errors.ts';
import type { Logger } from '../../../core/base/logger.ts';
import type { Gauges } from '../../contract/source.ts';
import { s3Errors } from '../error-codes.ts';
import { RequestWindow } from './request-window.ts';
import { pauseMs } from './retry-rules.ts';
import type {
  CompleteOutcome,
  NewUpload,
  ObjectStore,
  PartBody,
  SmallObject,
  StoredObject,
  StoredPart,
  Upload,
} from './store.ts';

export interface StoreCallsOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: Gauges;
  /** The most requests at once. */
  readonly concurrency: number;
  /** In [0, 1); a test makes it predictable. */
  readonly random: () => number;
}

/** What a call is about, for log lines. */
interface Call {
  readonly name: string;
  readonly where: string;
}

export class StoreCalls {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #gauges: Gauges;
  readonly #random: () => number;
  readonly #window: RequestWindow;
  #failing = 0;

  constructor({ store, clock, logger, gauges, concurrency, random }: StoreCallsOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#gauges = gauges;
    this.#random = random;
    this.#window = new RequestWindow(concurrency);
  }

  createUpload(upload: NewUpload, signal: AbortSignal): Promise<Upload> {
    const call = { name: 'create upload', where: upload.key };
    return this.#repeat(call, signal, () => this.#queue(signal, () => this.#store.createUpload(upload, signal)));
  }

  putPart(upload: Upload, part: PartBody, signal: AbortSignal): Promise<StoredPart> {
    const call = { name: `put part ${part.partNumber}`, where: upload.key };
    return this.#repeat(call, signal, () => this.#queue(signal, () => this.#store.putPart(upload, part, signal)));
  }

  complete(upload: Upload, parts: readonly StoredPart[], signal: AbortSignal): Promise<CompleteOutcome> {
    const call = { name: 'complete upload', where: upload.key };
    return this.#repeat(call, signal, () => this.#queue(signal, () => this.#store.complete(upload, parts, signal)));
  }

  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#repeat({ name: 'look up', where: key }, signal, () => this.#store.head(key, signal));
  }

  readSmall(key: string, signal: AbortSignal): Promise<SmallObject | undefined> {
    return this.#repeat({ name: 'read', where: key }, signal, () => this.#store.readSmall(key, signal));
  }

  /** As the store's own; a refusal after a lost answer is looked into, so that our own write does not fence us off. */
  async writeSmall(
    key: string,
    content: Buffer,
    ifMatch: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const write = () => this.#store.writeSmall(key, content, ifMatch, signal);
    const etag = await this.#repeat({ name: 'write', where: key }, signal, write);
    if (etag !== undefined) return etag;
    const found = await this.readSmall(key, signal);
    return found?.content.equals(content) ? found.etag : undefined;
  }

  /** One attempt: what it leaves behind is found by the next owner or by a lifecycle rule. */
  async abort(upload: Upload, signal: AbortSignal): Promise<void> {
    try {
      await this.#queue(signal, () => this.#store.abort(upload, signal));
    } catch (error) {
      if (!signal.aborted)
        this.#logger.debug({ key: upload.key, error: describeError(error) }, 'an upload was not aborted');
    }
  }

  /** One attempt, for the same reason. */
  async release(upload: Upload): Promise<void> {
    try {
      await this.#store.release(upload);
    } catch (error) {
      this.#logger.debug({ key: upload.key, error: describeError(error) }, 'traces of an upload stay');
    }
  }

  /** One attempt: without the right to list, old uploads are left to a lifecycle rule. */
  async listUploads(prefix: string, signal: AbortSignal): Promise<readonly Upload[]> {
    try {
      return await this.#store.listUploads(prefix, signal);
    } catch (error) {
      if (!signal.aborted)
        this.#logger.warn({ prefix, error: describeError(error) }, 'uploads left behind were not looked for');
      return [];
    }
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  async #queue<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T> {
    const start = () => {
      signal.throwIfAborted();
      return request();
    };
    try {
      return await this.#window.run(start, (error) => s3Errors.is(error, 'throttled'));
    } finally {
      this.#gauges.set('upload_window', this.#window.size);
    }
  }

  async #repeat<T>(call: Call, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    let failures = 0;
    try {
      for (;;) {
        signal.throwIfAborted();
        try {
          const result = await attempt();
          if (failures > 0) this.#logger.info({ ...call, failures }, 'the store answers again');
          return result;
        } catch (error) {
          signal.throwIfAborted();
          failures++;
          if (failures === 1) this.#failed(+1);
          await this.#afterFailure(call, error, failures, signal);
        }
      }
    } finally {
      if (failures > 0) this.#failed(-1);
    }
  }

  async #afterFailure(call: Call, error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const ms = pauseMs(error, failures, this.#random());
    if (ms === undefined) throw error;
    this.#gauges.add(s3Errors.is(error, 'throttled') ? 'store_throttled_total' : 'store_retries_total', 1);
    // The first failures of a long outage, then ever fewer: a line per attempt would drown the log.
    if ((failures & (failures - 1)) === 0) {
      const pause = Math.round(ms);
      this.#logger.warn(
        { ...call, failures, pauseMs: pause, error: describeError(error) },
        'a call to the store failed and is repeated',
      );
    }
    await this.#clock.sleep(ms, signal);
  }

  #failed(delta: number): void {
    this.#failing += delta;
    this.#gauges.set('store_calls_failing', this.#failing);
  }
}
